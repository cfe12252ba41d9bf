//! Specs as text: what is wrong is named, found in the text, and blamed on the changes where they are to blame.

mod mutation;

use mutation::mutations;
use stepwell::spec::{NoFiles, Spec, SpecError};

const GOOD: &str = r#"steps = 1000
model = "diagonal_linear"
loss = "half_mean_square"
data.sparse_regression = { n = 10, d = 20, sparsity = 2 }
dynamics.sgd = {}
schedule.step_size = 0.1
[init.diagonal]
u = 0.1
v = 0.0
[record]
points = 5
[[variants]]
label = "a"
[variants.schedule]
step_size = 0.2
"#;

/// Reads and prepares the good text with one part changed and with changes by `key=value`.
fn refusal(from: &str, to: &str, sets: &[&str]) -> (SpecError, String) {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let prepared = Spec::from_toml_with(&text, &sets).and_then(|spec| {
        let variants = spec.variants.iter().map(|variant| spec.with_variant(variant));
        [spec.clone()].into_iter().chain(variants).try_for_each(|spec| spec.prepare(&NoFiles).map(|_| ()))
    });
    let error = prepared.expect_err(to).of_sets(&sets);
    let shown = error.in_text("x.toml", &text);
    (error, shown)
}

#[test]
fn errors_of_the_text_have_their_key_and_are_shown_at_their_place() {
    let table = "one name with its settings, as in `dynamics.sgd = {}`";
    let (sgd, step) = ("dynamics.sgd = {}", "schedule.step_size = 0.1");
    for (from, to, key, message, place) in [
        ("steps = 1000\n", "", "steps", "missing field `steps`", "1:1\n"),
        ("= 1000", "= -1", "steps", "invalid value: integer `-1`, expected a whole number from 0 on", "1:9\n"),
        ("= 1000", "= true", "steps", "invalid type: boolean `true`, expected a whole number", "1:9\n"),
        ("= 1000", "= 9223372036854775808", "steps", "too large, expected a whole number below 2^63", "1:9\n"),
        ("= 1000", "= ", "", "string values must be quoted, expected literal string", "1:9\n"),
        ("n = 10, ", "", "data.sparse_regression.n", "missing field `n`", "4:26\n"),
        ("u = 0.1", "", "init.diagonal.u", "missing field `u`", "7:1\n"),
        ("[record]", "[record]\n[record]", "", "duplicate key", "11:2\n"),
        (sgd, "dynamics = {}", "dynamics", &format!("no name, expected {table}"), "5:12\n"),
        (sgd, "dynamics = { sgd = {}, sde = {} }", "dynamics", &format!("several names, expected {table}"), "5:12\n"),
        (sgd, "dynamics = 3", "dynamics", "neither a name nor a table, expected one of them", "5:12\n"),
        (step, "schedule = 3", "schedule", "invalid type: integer `3`, expected a table", "6:12\n"),
        (
            step,
            "schedule.step_size = \"f64\"",
            "schedule.step_size",
            "invalid type: string \"f64\", expected a number",
            "6:22\n",
        ),
        (
            "0.2",
            "\"f64\"",
            "variants.0.schedule.step_size",
            "invalid type: string \"f64\", expected a number",
            "15:13\n",
        ),
    ] {
        let (error, shown) = refusal(from, to, &[]);
        assert!(matches!(error, SpecError::Text { .. }), "{error:?}");
        assert_eq!((error.key().as_str(), error.message().as_str()), (key, message), "{to}");
        assert_eq!(error.to_string(), if key.is_empty() { message.into() } else { format!("{key}: {message}") });
        assert!(shown.starts_with(message) && shown.contains(&format!("--> x.toml:{place}")), "{shown}");
    }
    let (error, _) = refusal("dynamics.sgd = {}", "dynamics = \"sgd\"", &[]);
    let missing = "a name alone, expected a table of its settings (it may be empty, as in `dynamics.sgd = {}`)";
    assert_eq!(error.message(), missing);
}

#[test]
fn wrong_words_come_with_the_nearest_right_one() {
    for (from, to, wrong, right) in [
        ("steps", "step", "step", Some("steps")),
        ("steps", "zzz = 1\nsteps", "zzz", None),
        ("_linear", "_lineer", "\"diagonal_lineer\"", Some("diagonal_linear")),
        ("points = 5", "probes = [\"train_los\"]", "\"train_los\"", Some("train_loss")),
    ] {
        let (error, _) = refusal(from, to, &[]);
        let SpecError::Text { found, expected, nearest, span, .. } = &error else { panic!("{error:?}") };
        assert_eq!(&GOOD.replacen(from, to, 1)[span.clone().unwrap()], wrong);
        assert_eq!(nearest.as_deref(), right);
        assert!(found.starts_with("unknown ") && expected.starts_with("one of: "), "{error}");
    }
}

#[test]
fn values_out_of_range_are_found_in_the_text() {
    for (from, to, shown) in [
        ("= 0.1", "= -1", "schedule.step_size: -1, expected a positive number\n --> x.toml:6:22\n"),
        ("n = 10", "n = 0", "data.sparse_regression: n is 0, expected at least 1\n --> x.toml:4:32\n"),
        ("0.2", "-1.0", "schedule.step_size: -1, expected a positive number\n  --> x.toml:15:13\n"),
    ] {
        let found = refusal(from, to, &[]).1;
        assert!(found.starts_with(shown), "{found}");
    }
}

#[test]
fn changes_that_are_to_blame_are_named() {
    for (sets, key, message) in [
        (
            &["schedule.stp=1"][..],
            "schedule.stp",
            "--set schedule.stp=1: unknown key `stp`, expected one of: step_size, ",
        ),
        (
            &["steps=5", "model=lin"],
            "model",
            "--set steps=5 --set model=lin: unknown name `lin`, expected one of: linear, ",
        ),
        (&["steps=a"], "steps", "--set steps=a: invalid type: string \"a\", expected a whole number"),
        (
            &["schedule.step_size = -1"],
            "schedule.step_size",
            "--set schedule.step_size: -1, expected a positive number",
        ),
        (
            &["data.sparse_regression.n=0"],
            "data.sparse_regression.n",
            "--set data.sparse_regression: n is 0, expected ",
        ),
        (
            &["variants.5.label=b"],
            "variants.5.label",
            "--set variants.5.label=b: `variants` has 1 entries, counted from 0",
        ),
        (&["steps"], "steps", "--set steps: expected key=value, such as schedule.step_size=0.2"),
    ] {
        let (error, shown) = refusal("", "", sets);
        assert!(matches!(error, SpecError::Set { .. }) && shown.starts_with(message), "{shown}");
        assert_eq!((error.key().as_str(), error.place(GOOD)), (key, None));
    }
    // the text is at fault, whatever was changed elsewhere
    let (error, shown) = refusal("= 0.1", "= -1", &["steps=5"]);
    assert!(matches!(error, SpecError::Value { .. }) && shown.contains("x.toml:6:22"), "{shown}");
    let (error, shown) = refusal("label", "lable", &["steps=5"]);
    assert!(matches!(error, SpecError::Text { .. }) && shown.contains("x.toml:13:1"), "{shown}");
}

/// Damaged specs give a spec or a message, never a panic; so do changes of what is left of them.
#[test]
fn damaged_specs_give_a_spec_or_a_message() {
    let (mut read, mut refused) = (0, 0);
    for (k, name) in ["diagonal", "relu-1d", "teacher-3", "sde", "toy", "quadratic"].into_iter().enumerate() {
        let path = format!("{}/../../experiments/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        for bad in mutations(&std::fs::read(path).unwrap(), 120, k as u64) {
            let text = String::from_utf8_lossy(&bad);
            let changes = [format!("schedule.{}=1", text.chars().take(9).collect::<String>())];
            if let Err(error) = Spec::from_toml_with(&text, &changes) {
                assert!(!error.of_sets(&changes).in_text("x.toml", &text).is_empty());
            }
            match Spec::from_toml(&text).and_then(|spec| spec.prepare(&NoFiles).map(|_| spec)) {
                Ok(spec) => {
                    read += 1;
                    assert_eq!(Spec::from_toml(&spec.to_toml()).unwrap(), spec);
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.in_text("x.toml", &text).is_empty());
                }
            }
        }
    }
    assert!(read > 50 && refused > 150, "{read} read, {refused} refused");
}
