//! The experiments that are part of the program, by the names of their figures.

/// The spec of a figure, as TOML: the very file in `experiments/`.
pub fn experiment(figure: &str) -> Option<&'static str> {
    Some(match figure {
        "diagonal" => include_str!("../experiments/diagonal.toml"),
        "relu-1d" => include_str!("../experiments/relu-1d.toml"),
        "teacher-2" => include_str!("../experiments/teacher-2.toml"),
        "teacher-3" => include_str!("../experiments/teacher-3.toml"),
        "sde" => include_str!("../experiments/sde.toml"),
        "quadratic" => include_str!("../experiments/quadratic.toml"),
        "toy" => include_str!("../experiments/toy.toml"),
        "densenet" => include_str!("../experiments/densenet-small.toml"),
        _ => return None,
    })
}
