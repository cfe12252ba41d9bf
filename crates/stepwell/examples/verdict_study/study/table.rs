//! Shares of cases, and rows of them.

/// In how many of the cases something was so.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub hits: usize,
    pub total: usize,
}

impl Rate {
    pub fn of<T>(cases: &[T], so: impl Fn(&T) -> bool) -> Self {
        Self { hits: cases.iter().filter(|case| so(case)).count(), total: cases.len() }
    }

    pub fn share(self) -> f64 {
        self.hits as f64 / self.total as f64
    }

    /// The standard error of a share of `level`.
    pub fn error(self, level: f64) -> f64 {
        (level * (1.0 - level) / self.total as f64).sqrt()
    }

    pub fn largest(rates: impl Iterator<Item = Self>) -> Self {
        rates.max_by(|a, b| a.share().total_cmp(&b.share())).expect("there are rates")
    }
}

/// One row of error rates: errors, which must be rare, and what is told, which should not.
pub struct Row {
    pub what: Vec<String>,
    pub errors: Vec<Rate>,
    pub told: Vec<Rate>,
}

/// The rate that lies farthest above `level`, in standard errors, and by how many.
pub fn worst(rows: &[Row], level: f64) -> (String, Rate, f64) {
    let all = rows.iter().flat_map(|row| row.errors.iter().map(|rate| (row.what.join(", "), *rate)));
    let above = |rate: Rate| (rate.share() - level) / rate.error(level);
    all.map(|(what, rate)| (what, rate, above(rate))).max_by(|a, b| a.2.total_cmp(&b.2)).expect("there are rows")
}
