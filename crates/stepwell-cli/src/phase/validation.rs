//! Whether advice is good: worked out anew on fresh data sets, and judged there by seeds of its own.

use serde_json::{Value, json};
use stepwell::statistics::Share;
use stepwell::words::{band_text, share_text, short};

use super::advice::{Advice, Question, advise};
use super::protocol::Protocol;
use super::report::of_share;
use super::trial::Fate;
use crate::failure::Failure;
use crate::output::{band_json, table};
use crate::progress;

/// The advice on each data set.
pub struct Validation {
    advice: Vec<Advice>,
}

/// Works it out on the data sets of the seeds 1 to `count`.
pub fn validate(protocol: &Protocol, question: Question, count: u64) -> Result<Validation, Failure> {
    let bar = progress::bar(count, "data sets");
    let one = |seed| -> Result<Advice, Failure> {
        let advice = advise(&protocol.on_data_of(seed)?, question);
        bar.inc(1);
        advice
    };
    let advice = (1..=count).map(one).collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    Ok(Validation { advice })
}

impl Validation {
    /// Diverged runs of the advised schedules, over all data sets.
    pub fn diverged(&self) -> Share {
        let shares = self.advice.iter().map(|advice| advice.advised.share(Fate::Diverges));
        let (hits, total) = shares.fold((0, 0), |(hits, total), share| (hits + share.hits, total + share.total));
        Share::of(hits, total)
    }

    /// Data sets on which the advised schedule's median test loss is below the small step size's; `None` without tests.
    pub fn better(&self) -> Option<Share> {
        let medians = |advice: &Advice| [&advice.advised, &advice.small].map(|point| point.last("test_loss").median);
        let pairs: Vec<[f64; 2]> = self.advice.iter().map(medians).collect();
        let known = pairs.iter().any(|pair| !pair[1].is_nan());
        known.then(|| Share::of(pairs.iter().filter(|pair| pair[0] < pair[1]).count(), pairs.len()))
    }

    /// A line a data set, then the two numbers.
    pub fn report(&self) -> String {
        let header = [
            "data set",
            "mean-square threshold",
            "advised",
            "kept for",
            "diverged",
            "test loss",
            "small step size",
            "test loss there",
        ];
        let mut table = table(&header);
        for (k, advice) in self.advice.iter().enumerate() {
            let share = advice.advised.share(Fate::Diverges);
            table.add_row([
                (k + 1).to_string(),
                short(advice.small_steps.mean_square),
                short(advice.largest),
                format!("{:.0}%", 100.0 * advice.keep),
                format!("{} of {}", share.hits, share.total),
                band_text(&advice.advised.last("test_loss")),
                short(advice.small.step_size),
                band_text(&advice.small.last("test_loss")),
            ]);
        }
        let better = self.better().map_or("no test loss is recorded".into(), |share| share_text(&share));
        format!(
            "Validation on {} fresh data sets, the advice worked out on each\n{}\n\
             diverged    {} runs of the advised schedules\nbetter      {better} data sets: median test loss below the small step size's\n",
            self.advice.len(),
            table.trim_fmt(),
            share_text(&self.diverged()),
        )
    }

    /// The validation as JSON.
    pub fn json(&self) -> Value {
        let one = |advice: &Advice| {
            json!({
                "largest_step_size": advice.largest,
                "diverged": of_share(&advice.advised.share(Fate::Diverges)),
                "test_loss": band_json(&advice.advised.last("test_loss")),
                "small_step_size": advice.small.step_size,
                "small_test_loss": band_json(&advice.small.last("test_loss")),
            })
        };
        json!({
            "data_sets": self.advice.iter().map(one).collect::<Vec<_>>(),
            "diverged": of_share(&self.diverged()),
            "better": self.better().as_ref().map(of_share),
        })
    }
}
