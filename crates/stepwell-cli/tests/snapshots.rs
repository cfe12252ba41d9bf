//! What the program prints, case by case, in `tests/cmd`.

#[test]
fn snapshots() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
