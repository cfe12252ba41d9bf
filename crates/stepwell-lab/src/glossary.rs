//! The words that are printed, each with its definition: `stepwell explain` and `docs/words.md` are made of this table.

/// A word with its definition.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The word.
    pub word: &'static str,
    /// Other forms that are printed, and names in specs and records.
    pub also: &'static [&'static str],
    /// Its definition; the first sentence stands for itself.
    pub meaning: &'static str,
    /// Words that it rests on, or that stand beside it.
    pub see: &'static [&'static str],
}

/// Words about one matter.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The matter.
    pub title: &'static str,
    /// Its words.
    pub entries: &'static [Entry],
}

const fn entry(
    word: &'static str,
    also: &'static [&'static str],
    meaning: &'static str,
    see: &'static [&'static str],
) -> Entry {
    Entry { word, also, meaning, see }
}

impl Entry {
    /// What it means in short.
    pub fn first_sentence(&self) -> &'static str {
        self.meaning.find(". ").map_or(self.meaning, |end| &self.meaning[..=end])
    }

    /// Whether it is called this, in upper or lower case, with spaces or underscores.
    fn is_called(&self, word: &str) -> bool {
        let plain = |text: &str| text.trim().to_lowercase().replace('_', " ");
        [self.word].iter().chain(self.also).any(|own| plain(own) == plain(word))
    }
}

/// All words.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TOPICS.iter().flat_map(|topic| topic.entries)
}

/// The entry of a word.
///
/// ```
/// let drift = stepwell_lab::glossary::find("Drift").unwrap();
/// assert!(drift.first_sentence().starts_with("The factor by which the mean loss changes"));
/// ```
pub fn find(word: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.is_called(word))
}

/// All words and their other forms.
pub fn names() -> Vec<&'static str> {
    entries().flat_map(|entry| [entry.word].into_iter().chain(entry.also.iter().copied())).collect()
}

/// The whole table as a page, which is `docs/words.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Words\n\nEach word that stepwell prints, as the program defines it. `stepwell explain WORD` prints one of these entries, \
         `stepwell explain` lists\nthem, and `stepwell explain --all` prints this page.\n",
    );
    for topic in TOPICS {
        out += &format!("\n## {}\n", topic.title);
        for Entry { word, also, meaning, see } in topic.entries {
            out += &format!("\n### {word}\n\n{meaning}\n");
            if !also.is_empty() {
                out += &format!("\nAlso: {}.\n", also.join("; "));
            }
            if !see.is_empty() {
                let links: Vec<String> = see.iter().map(|word| format!("[{word}](#{})", anchor(word))).collect();
                out += &format!("\nSee: {}.\n", links.join(", "));
            }
        }
    }
    out
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// All words, by what they are about.
pub const TOPICS: &[Topic] = &[
    Topic {
        title: "What the loss of a run does",
        entries: &[
            entry(
                "large phase",
                &["phase with the large step size", "while the step size is large", "loss at the large step size"],
                "The steps of a run before its step size falls for the first time. All verdicts on what a loss does are about \
                 this phase; a run whose step size never falls is one large phase. Its mean losses are known over 64 blocks of \
                 as many steps each, summed from the batches that the steps saw, so that no verdict depends on when values are \
                 recorded. Trainings of deep networks are judged by their recorded losses instead.",
                &["decay", "drift"],
            ),
            entry(
                "stabilized",
                &["stabilizes", "stabilize", "loss stabilization"],
                "The loss neither rises nor falls over the second half of the large phase, and it is the large step size that \
                 holds it up. Precisely: the interval of the drift lies within [1/2, 2], and the loss falls below half of its \
                 level once the step size does, over the last sixteenth of the steps after the decay. A run without a decay has a \
                 branch for this that goes on for a 32nd of the run at a tenth of the step size.",
                &["drift", "level δ", "at its floor", "cannot tell"],
            ),
            entry(
                "falling",
                &["loss falling"],
                "The loss still falls over the second half of the large phase: the whole interval of the drift lies below 1/2. \
                 `phase` counts such a run as one that converges.",
                &["drift", "converges"],
            ),
            entry(
                "converges",
                &["converged", "converge"],
                "The loss falls through the large phase, or has reached the floor of the arithmetic. The verdict `converged` is \
                 the second of these: the level lies below `1e-24 S`, where rounding governs. The column `converges` of `phase` \
                 counts runs with either verdict, `falling` or `converged`. Of the constant step sizes that `advise` tries, \
                 those converge of whose runs none diverges.",
                &["falling", "scale S", "large phase"],
            ),
            entry(
                "rising",
                &["rises", "rises without diverging"],
                "The loss rises over the second half of the large phase: the whole interval of the drift lies above 2. A loss \
                 that rises and has become large as well is a divergence.",
                &["drift", "diverges"],
            ),
            entry(
                "flat",
                &["flat, cause unknown", "flat, but not held up by the step size"],
                "The interval of the drift lies within [1/2, 2], but the loss is not known to be held up by the step size. As a \
                 verdict it is `flat, cause unknown`: there is neither a decay nor a branch that would tell. The column `flat` \
                 of `phase` also counts runs at their floor and runs that have learned nothing.",
                &["stabilized", "at its floor", "has learned nothing"],
            ),
            entry(
                "at its floor",
                &[],
                "The loss is flat and remains above half of its level when the step size falls. So it is not the step size that \
                 holds it up: noise in the labels, too small a model, or a minimum may be the reason.",
                &["flat", "stabilized"],
            ),
            entry(
                "has learned nothing",
                &[],
                "The loss is flat at a level above half of the loss of the best constant predictor, and is not \
                 known to fall below half of that level at a smaller step size.",
                &["flat"],
            ),
            entry(
                "cannot tell",
                &["one run by itself cannot tell", "cannot tell what the loss does"],
                "The evidence allows for more than one verdict. Of a loss: the interval of its drift crosses 1/2 or 2. The text \
                 beside it says how many runs, or how much longer a phase, would tell if the drift is what it seems to be. One \
                 run by itself often cannot tell what its seeds tell together. The column of `phase` also counts runs that \
                 are too short.",
                &["drift", "verdict on all runs", "undecided"],
            ),
            entry(
                "too short",
                &["too short to tell"],
                "The large phase has fewer than 128 steps (or, of a training, fewer than 16 recorded losses), or the run has \
                 not completed it.",
                &["large phase"],
            ),
            entry(
                "diverges",
                &["diverged", "diverged at step"],
                "The run blows up, which is a result and not an error. A run diverges if a number overflows; or if the loss of \
                 a batch is once above `1e6 S`, whether it comes back or not; or if, over the last quarter of the large phase, \
                 the mean loss rises by more than a factor of 2 with 95% confidence and lies above `10 S`. A loss that hovers \
                 does not diverge, however high. Shares of diverged runs have exact 95% intervals, and medians are over the \
                 other runs.",
                &["scale S", "survivors", "confidence interval"],
            ),
            entry(
                "scale S",
                &["S"],
                "What divergence and convergence are measured by: the larger of the loss at the start and the loss of the best \
                 constant predictor. Of a training of a deep network it is the first recorded loss.",
                &["diverges"],
            ),
            entry(
                "drift",
                &["drift, median", "drift, factor"],
                "The factor by which the mean loss changes over the second half of the large phase: 1 means no change, 1/2 \
                 that it halves. For one run a straight line is fitted to the logarithms of 32 block means, and the interval has a level \
                 of 90%, so that a drift outside of [1/2, 2] passes for one inside in at most 5% of runs. For a setting it is \
                 the median over its runs with the 95% interval of a median, which takes at least 6 runs.",
                &["large phase", "confidence interval", "verdict on all runs"],
            ),
            entry(
                "verdict on all runs",
                &["each run by itself", "pooled"],
                "What the losses of all runs of a setting do in common, from their median drift and its 95% interval. Runs that \
                 diverged in the large phase, or were too short, are left out. It tells far more than the verdicts on single \
                 runs, which stand beside it under `each run by itself`.",
                &["drift", "cannot tell"],
            ),
            entry(
                "level δ",
                &["level", "δ", "delta", "level δ of the loss", "arithmetic level", "loss stabilized at"],
                "The arithmetic mean of the loss over the second half of the large phase; it is the theory's delta. Brackets \
                 behind the level of one run hold the 10% and 90% quantiles of its block means, those behind a median hold the \
                 quantiles over runs.",
                &["geometric", "large phase"],
            ),
            entry(
                "geometric",
                &["geometric level"],
                "The geometric mean of the recorded training losses over the second half of the large phase. It lies below the \
                 arithmetic level, by more for a loss that varies more. It depends on when losses are recorded.",
                &["level δ"],
            ),
            entry(
                "from step",
                &[],
                "The first step of the flat stretch that ends with the large phase: the block means stay within their 10% to \
                 90% quantiles there, widened to a factor of 2 around the level at least. Of a setting it is the median over its \
                 stabilized runs.",
                &["stabilized", "level δ"],
            ),
            entry(
                "survivors",
                &["runs that did not diverge"],
                "The runs that did not diverge. Medians and bands are over them.",
                &["diverges", "median [10%, 90%]"],
            ),
        ],
    },
    Topic {
        title: "The step size and its thresholds",
        entries: &[
            entry(
                "step size",
                &["η", "eta"],
                "The factor eta of an update `theta <- theta - eta g` with the gradient g of a batch. In tables over the step \
                 size (`phase`, `advise`) it is the largest one of the schedule, after its warm-up.",
                &["warm-up", "decay", "large phase"],
            ),
            entry(
                "mean of the sampled loss",
                &["mean_sampled_loss"],
                "The mean of r^2/2, r the residual of the sample or batch of a step, over all steps from the start up to the \
                 recorded one; none at step 0. It is the level δ of the equations that `reproduce sde` compares with SGD over these \
                 steps.",
                &["level δ"],
            ),
            entry(
                "warm-up",
                &["warmup", "no warm-up"],
                "Growth of the step size at the start of a run, up to where it is held: linear, by a power of time, or \
                 exponential.",
                &["step size"],
            ),
            entry(
                "decay",
                &["the step size is divided", "kept for"],
                "A division of the step size. `decay at 30%` means that the step size is large for the first 30% of the steps; \
                 the first decay ends the large phase.",
                &["large phase"],
            ),
            entry(
                "relative step size",
                &["--relative", "step sizes relative to thresholds"],
                "A step size in units of a threshold of each data set. `reproduce --relative` scales the published step sizes, \
                 so that they stand to each data set's mean-square threshold at its small-step solution as the published ones \
                 to that of the published data set. In a spec, `schedule.relative = true` counts in units of `2/lambda_max` at \
                 the start, or of that mean-square threshold with `relative_to = \"solution\"`.",
                &["mean-square threshold", "small-step solution"],
            ),
            entry(
                "small-step solution",
                &["the solution of small steps", "where small steps lead to"],
                "The parameters that gradient descent reaches from the start with a step size of `0.5/lambda_max`, measured \
                 anew every 50 steps. It ends once the loss is 1e-6 of the first one, or hardly falls, or after 20,000 steps. It \
                 depends on data and start, not on a seed of batches.",
                &["2/λmax", "mean-square threshold"],
            ),
            entry(
                "2/λmax",
                &["2/lambda_max", "gradient_descent_threshold", "threshold 2/λ"],
                "The step size at which full-batch gradient descent loses stability at the parameters at hand: 2 over the \
                 largest eigenvalue of the Hessian of the training loss. It is a local number: a run with a larger step size \
                 may go on, and hover.",
                &["sharpness", "mean-square threshold", "edge of stability"],
            ),
            entry(
                "mean-square threshold",
                &["mean-square", "mean-square stable below", "mean_square_threshold"],
                "The step size up to which a solution is stable under the noise of the batches: above it the second moment of \
                 the residuals grows. It is exact where the loss is zero and for linear models, where it is at most `2/lambda_max`, \
                 and equal to that for the whole set as one batch. It is not computed beyond 600 samples.",
                &["2/λmax", "small-step solution"],
            ),
            entry(
                "bound",
                &["as theory demands for linear models"],
                "A step size that the advised one stays below 90% of, for linear models with a square loss: their mean-square \
                 threshold, or `2/lambda_max` where there are no batches. Their Hessian is the same everywhere, so that the \
                 mean loss grows above the bound whatever the start. Other models have no bound. In `verify` a bound is one of \
                 the loss of the toy model.",
                &["mean-square threshold"],
            ),
            entry(
                "edge",
                &[],
                "The largest step size, kept for the whole run, at which at most 2 of 120 runs of the search diverge, known to \
                 a factor of 1.03. `advise` tries constant step sizes up to there, and larger ones for a part of the run.",
                &["diverges", "large steps help"],
            ),
            entry(
                "large steps help",
                &[
                    "large steps make no difference",
                    "large steps do not help",
                    "help",
                    "make no difference",
                    "do not help",
                ],
                "The verdict of `advise` on a large step size with a decay, beside the best constant step size, from the ratio \
                 of their test losses (training losses without a test set) seed by seed. They do not help if the 95% interval of \
                 the median ratio lies above 1.02, or if the median ratio or the ratio of medians is above 1.1. Otherwise they help \
                 if the interval ends below 0.98. Of the rest they do not help if the training loss ends more than 10 times as \
                 high, and if it does not, they make no difference that these runs show.",
                &["edge", "confidence interval"],
            ),
            entry(
                "sharpness",
                &["sharpness_residual", "sharpness_iterations"],
                "The largest eigenvalue of the Hessian of the training loss, by Lanczos' method. `sharpness_residual` is the \
                 distance within which some eigenvalue lies, `sharpness_iterations` the number of products with the Hessian; \
                 300 of them mean that the method stopped before it was accurate.",
                &["2/λmax", "batch sharpness"],
            ),
            entry(
                "batch sharpness",
                &["mean of ratios"],
                "The curvature that batches meet along their own gradients, as a mean of ratios: `E[g'Hg / |g|^2]` over batches \
                 with gradient g and Hessian H of the batch's own loss. It is exact for single samples and for the whole set, \
                 and a mean over 64 random batches otherwise.",
                &["gradient-weighted batch sharpness", "sharpness"],
            ),
            entry(
                "gradient-weighted batch sharpness",
                &["gradient_weighted_batch_sharpness", "ratio of means", "2 / gradient-weighted batch sharpness"],
                "The same curvature as a ratio of means: `E[g'Hg] / E|g|^2`. To second order a step lowers the loss of its own \
                 batch, on average, exactly if this is below `2/eta`.",
                &["batch sharpness"],
            ),
            entry(
                "edge of stability",
                &["edge-of-stability"],
                "What gradient descent does with a large step size on many problems: it hovers where the sharpness is `2/eta`. \
                 Checked by `stepwell verify edge-of-stability`.",
                &["sharpness", "2/λmax"],
            ),
            entry(
                "catapult",
                &["catapult-recursion", "catapult-phases"],
                "What gradient descent does with step sizes between `2/lambda_max` and twice that, at the start of a network \
                 with one hidden linear layer: the loss first grows and then falls at a smaller curvature. Checked by \
                 `stepwell verify catapult-phases`.",
                &["2/λmax"],
            ),
            entry(
                "sign changes",
                &["bouncing", "sign changes along the top eigenvector"],
                "The share of consecutive moves along the Hessian's top eigenvector that have opposite signs, among 200 moves \
                 in the middle of the large phase. 100% means that the iterates jump from side to side of the valley, 0% \
                 that they slide along, and about 50% that each step forgets the one before.",
                &["large phase"],
            ),
            entry(
                "Lyapunov exponent",
                &["lyapunov", "lyapunov_low", "lyapunov_high"],
                "The rate, per step, at which nearby runs with the same samples part (above 0) or meet (below 0), measured in \
                 their training predictions. The first half of what is measured is discarded; the 95% interval comes from \
                 up to eight blocks of the second half. `phase` measures it from the middle of the large phase on.",
                &["not resolved", "chaotic", "contracting"],
            ),
            entry(
                "not resolved",
                &[],
                "The Lyapunov exponent cannot be told: copies in different directions do not yet go the same way, or their \
                 distance changes by less than e^5, behind which a slower direction may hide, or the run is too short.",
                &["Lyapunov exponent"],
            ),
            entry(
                "chaotic",
                &["chaos"],
                "Nearby runs part: the Lyapunov exponent is above 0. The last digits of a chaotic run are decided by rounding, \
                 so that only distributions over seeds can be compared.",
                &["Lyapunov exponent", "digits that can be reproduced"],
            ),
            entry(
                "contracting",
                &[],
                "A run forgets a change of one parameter in its last place: in none of the pairs do the losses ever differ by \
                 a share of 1e-9. Its digits can be reproduced on any machine.",
                &["digits that can be reproduced"],
            ),
        ],
    },
    Topic {
        title: "What is measured of the parameters",
        entries: &[
            entry(
                "train loss",
                &["training loss"],
                "The loss over the whole training set, with the factor that the spec's `loss` names.",
                &[],
            ),
            entry("test loss", &[], "The loss over the test set, which no step sees.", &[]),
            entry("test error", &["train error"], "The share of images whose class is predicted wrongly.", &[]),
            entry(
                "feature sparsity",
                &["feature sparsity coefficient"],
                "The share of non-zero activations that is left without duplicate neurons; lower is sparser. Of the n x m \
                 activations of a layer (n samples, m neurons), neurons that are never active are dropped as dead, and each neuron \
                 whose absolute correlation with one that is kept exceeds 0.95 as a duplicate. The coefficient is the number \
                 of active entries that are left over n m: 100% is dense, 0% all zero.",
                &["non-zero activations", "duplicates"],
            ),
            entry(
                "non-zero activations",
                &["nonzero_share", "non-zero share"],
                "The share of all activations of a layer that are above 0, duplicate neurons included; lower is sparser.",
                &["feature sparsity"],
            ),
            entry(
                "duplicates",
                &["dead", "kept", "groups", "feature_groups", "dead_neurons"],
                "How feature sparsity sorts the neurons of a layer. Dead ones are active at no sample, duplicates go with a \
                 neuron that is kept, and the rest is kept. Groups are the connected groups of neurons that are not dead, two being \
                 connected if their absolute correlation exceeds the threshold; unlike the kept neurons they do not depend on \
                 the order of the neurons.",
                &["feature sparsity"],
            ),
            entry(
                "non-zero coordinates",
                &["nonzero"],
                "The number of coefficients of a predictor that is linear in its input whose absolute value exceeds the spec's \
                 `record.nonzero_tol` (1e-50 unless the spec says otherwise).",
                &["distance to the target"],
            ),
            entry("norm of parameters", &["parameter_norm"], "The Euclidean norm of all parameters.", &[]),
            entry(
                "gradient norm",
                &["gradient_square"],
                "The Euclidean norm of the gradient of the training loss. `gradient_square` is another quantity: the mean \
                 of `|grad h(x_i)|^2`, the squared gradients of the predictions, over the training set.",
                &[],
            ),
            entry(
                "distance to the target",
                &["target_distance"],
                "The Euclidean distance `|beta - beta*|` of the coefficients to the sparse ones that the data were made with.",
                &["non-zero coordinates"],
            ),
            entry(
                "rank",
                &["rank of the Jacobian", "numerical rank", "jacobian_rank"],
                "The number of singular values that exceed a tolerance times the largest: `record.rank_tol` for runs (1e-15 \
                 for diagonal networks and 1e-4 for the ReLU networks of the paper), `--tol` for `measure rank`, about 3.5e-4 for \
                 deep networks. Of a run it is that of the Jacobian, whose row i is the gradient of the prediction at input i, \
                 on inputs that the spec chooses; of a deep network that of one random combination of the logits at test images.",
                &["effective rank"],
            ),
            entry(
                "effective rank",
                &["effective rank of the Jacobian", "jacobian_effective_rank"],
                "The exponential of the entropy of the singular values: `exp(-sum p_k ln p_k)` with `p_k = s_k / sum s`. It \
                 needs no tolerance, and lies between 1 and the number of singular values that are not zero.",
                &["rank"],
            ),
            entry(
                "column norms",
                &["column_norm_max", "small_columns"],
                "The Euclidean norms of the Jacobian's columns, one per parameter. `column_norm_max` is the largest, \
                 `small_columns` the share of those below 1% of it.",
                &["rank"],
            ),
            entry(
                "kinks",
                &["kink"],
                "The number of places, within the range of the training inputs, where the function of a network with one input \
                 changes its slope. Kinks closer together than the share `record.kink_tol` of that range (1e-3) count as one.",
                &["predictor"],
            ),
            entry(
                "predictor",
                &["neurons", "parameters"],
                "The function that a network with one input computes, on a grid of 401 points; a picture draws it at several \
                 times. `neurons` are the first layer's neurons as points `w |a|` in the space of the inputs, \
                 `parameters` all numbers of the model.",
                &["kinks"],
            ),
        ],
    },
    Topic {
        title: "Published numbers and runs over seeds",
        entries: &[
            entry(
                "seed",
                &["seeds", "seeds of start and indices"],
                "A number from which everything random in a run is drawn. The same seed gives the same bits on every machine; \
                 runs that are compared seed by seed have the same samples, noise, and start.",
                &["index seeds", "fresh data sets"],
            ),
            entry(
                "index seeds",
                &[],
                "Seeds that draw the sample indices alone: data and start are the published ones in all of these runs.",
                &["published indices", "seed"],
            ),
            entry(
                "fresh data sets",
                &["fresh", "--fresh"],
                "Data sets that each seed draws anew from the law that the published one was drawn from.",
                &["seed", "relative step size"],
            ),
            entry(
                "published indices",
                &["as published", "published run", "the published data and indices"],
                "The run with the published data set and the very sample indices of the authors' own run, redrawn bit for bit \
                 from NumPy's stream. It stands beside the runs over seeds and is not among them.",
                &["reproduced", "index seeds"],
            ),
            entry(
                "published",
                &["not published"],
                "The value that the paper or the authors' own scripts give, with up to four of its digits. Where there is none, \
                 the verdict is `not published`.",
                &["reproduced", "within", "outside"],
            ),
            entry(
                "reproduced",
                &["reproduced (n digits)"],
                "The run with the published indices gives the published value: they differ by no more than half a unit in its \
                 last published digit (or 1e-11, relatively). The number in parentheses counts the digits that agree.",
                &["published indices", "within"],
            ),
            entry(
                "within",
                &["within (above 94% of the runs)"],
                "The published value lies in the prediction interval of the runs over seeds, so it is a typical draw. \
                 `above 94% of the runs` means that 94% of the runs lie below the published value, ties counted half.",
                &["outside", "prediction interval"],
            ),
            entry(
                "outside",
                &["outside (above 99% of the runs)"],
                "The published value lies outside of the prediction interval of the runs over seeds. `above 99% of the runs` \
                 means that 99% of the runs lie below the published value, `above 0%` that all of them lie above it.",
                &["within", "prediction interval"],
            ),
            entry(
                "too few",
                &["too few seeds", "too few pairs", "needs"],
                "There are fewer values than the verdict needs, whatever they are: 39 for a prediction interval, 6 untied pairs or \
                 seeds for one sign test, 7 where 2 or 3 tests are corrected together, 8 where 4 to 6 are.",
                &["prediction interval", "sign test", "p, corrected"],
            ),
            entry(
                "digits that can be reproduced",
                &["which digits can be reproduced", "apart", "pairs of runs", "largest exponent"],
                "What is left of a change by one unit in the last place of one parameter. Up to three runs of a setting are \
                 repeated with the first parameter one unit up, and with the last one down, so that there are up to 6 pairs. \
                 Where some pair comes 1% apart, the end of a run is one draw, decided by rounding. The largest exponent is the \
                 logarithm of the factor by which such a change grows in a pair, per step.",
                &["contracting", "chaotic"],
            ),
        ],
    },
    Topic {
        title: "Statistics",
        entries: &[
            entry(
                "median [10%, 90%]",
                &["band", "their 10% to 90%", "10% to 90%"],
                "The median of the runs that did not diverge, with their 10% and 90% quantiles in brackets. It says how runs \
                 differ, not how well the median is known.",
                &["survivors", "confidence interval"],
            ),
            entry(
                "confidence interval",
                &["[95%]", "95% interval", "95% confidence"],
                "An interval that holds the true value in at least 95% of such experiments. Those of shares are Clopper and \
                 Pearson's, exact for any number of runs; those of medians lie between order statistics, suppose nothing \
                 about the law, and take at least 6 values.",
                &["range", "prediction interval"],
            ),
            entry(
                "range",
                &["range a to b"],
                "The smallest and the largest value, printed in place of a 95% interval where there are fewer than 6 values.",
                &["confidence interval"],
            ),
            entry(
                "prediction interval",
                &[],
                "An interval between order statistics in which one more run of the same kind lies with a chance of at least \
                 95%. It takes at least 39 runs.",
                &["within", "outside"],
            ),
            entry(
                "observation",
                &["observations", "the paper's observations"],
                "A statement of the paper, tested over seeds. A row that compares two settings compares the run of each seed \
                 in the one with the run of the same seed in the other. The arrow points from the first setting to the \
                 second; a statement such as `smaller test loss` is about the second one, compared with the first.",
                &["sign test", "holds", "pairs"],
            ),
            entry(
                "pairs",
                &["tied", "pairs tied", "seeds end in both", "the same in every seed", "no run to tell"],
                "Runs of two settings with the same seed. A pair of which one run diverged is left out (`53 of 100 seeds end in \
                 both`), except where divergence itself is compared. Tied pairs have equal values: they are counted and say \
                 nothing about the direction. With nothing but ties the verdict is `the same in every seed`, without any \
                 pair `no run to tell`.",
                &["sign test"],
            ),
            entry(
                "median effect",
                &["effect", "ratio", "difference"],
                "The median over pairs of how much the second setting differs from the first: the ratio second over first for losses, \
                 the difference second minus first for counts and shares, tied pairs included.",
                &["pairs", "confidence interval"],
            ),
            entry(
                "sign test",
                &["exact sign test"],
                "The test that all comparisons use: among the pairs that are not tied, are there more of one direction than \
                 chance explains? It is exact and two-sided, and supposes nothing about the size of the values.",
                &["p", "pairs"],
            ),
            entry(
                "p",
                &["p-value"],
                "The p-value of the exact two-sided sign test: the chance of at least so uneven a split of the untied pairs if \
                 both directions were equally likely. A dash stands where something else decides, such as the drift.",
                &["p, corrected", "sign test"],
            ),
            entry(
                "p, corrected",
                &["p corrected", "Holm", "Holm's correction"],
                "The p-value after Holm's correction for the rows about one pair of settings, whose number stands behind `of`. \
                 The chance of even one wrong `holds` or `does not hold` among them is then at most 5%.",
                &["p", "holds"],
            ),
            entry(
                "holds",
                &["does not hold"],
                "Of an observation: the pairs decide, with a corrected p of at most 5%, for the statement (`holds`) or for its \
                 opposite (`does not hold`). That a loss stabilizes is decided by the drift instead. Of a claim of `verify`: it \
                 is true as written. Of a statement about the toy model: what was measured is as the theory says.",
                &["undecided", "observation", "claim"],
            ),
            entry(
                "undecided",
                &[],
                "Of an observation: the corrected p is above 5%, so that these runs show neither the statement nor its opposite. \
                 Of a claim of `verify`: neither could be shown, because there are too few seeds, or because the check is an \
                 experiment that decides nothing. Of a certificate: boxes remained that could be neither proved nor refuted.",
                &["holds", "too few", "claim"],
            ),
        ],
    },
    Topic {
        title: "SGD, its equations, and the small models",
        entries: &[
            entry(
                "label noise",
                &["label noise at level δ", "calibrated", "as written", "equation"],
                "Noise on the labels that turns gradient descent into SGD. At a fixed level δ it is a dynamics of its own, and its \
                 stochastic differential equation has the coefficient `sqrt(2 (n-1) eta delta)/n` (`calibrated`, which matches \
                 SGD's noise) or the larger `sqrt(eta delta)` of the paper (`as written`).",
                &["level δ"],
            ),
            entry(
                "log factor",
                &["log of the multiplicative factors"],
                "The median over coordinates of `ln(|u^2 - v^2| / |u_0^2 - v_0^2|)` of a diagonal network `beta = u * v`, summed \
                 step by step, so that a factor that underflows is still told. It falls as the noise shrinks what is not needed.",
                &["on the support"],
            ),
            entry(
                "on the support",
                &["off the support"],
                "The mean `|beta_j|` over the coordinates where the target `beta*` is not zero (on the support) and over those \
                 where it is zero (off the support).",
                &["log factor"],
            ),
            entry(
                "sliced Wasserstein distance",
                &["distance to SGD", "distance to SGD (floor)", "floor of the distance", "energy distance"],
                "How far the cloud of a law's paths is from that of SGD's: the root mean square, over 64 fixed directions, of \
                 the 2-Wasserstein distance between the projections of beta. Its floor, in parentheses, is the median \
                 distance between random groups of SGD's own paths, of the sizes that are compared, with the middle 95% of them: \
                 what sampling alone makes. The energy distance in `summary.json` \
                 compares the same clouds in another way.",
                &["label noise"],
            ),
            entry(
                "as the closed form",
                &["closed form", "differs by more than"],
                "Of gradient descent on a quadratic: at every recorded step of every seed the loss is that of the closed form up \
                 to a relative error of 1e-9. Of a claim of `verify`, checked by `closed form`: a simulation is compared \
                 with a formula or with moments that are computed exactly.",
                &["claim"],
            ),
            entry(
                "2-cycle",
                &["φ", "γ", "I₀", "I₁", "I₂", "I₃", "ε₀", "toy model"],
                "Two points that the iterates of the toy model jump between. The model has one parameter; \
                 `φ = θ/θ*` is 1 at the minimum, and a step is `φ + γ φ (1 - φ²)` with `γ = η θ*² x²`. The proof cuts \
                 the line into I₀ = (0, 0.65], I₁ = (0.65, 1 - ε₀), I₂ = [1 - ε₀, 1), and what lies above 1, up to 1.162 (I₃).",
                &["Lyapunov exponent"],
            ),
        ],
    },
    Topic {
        title: "Claims and proofs",
        entries: &[
            entry(
                "claim",
                &["claims", "as documented", "documented"],
                "A statement of the theory that `stepwell verify` checks, by the way in the column `checked by`. `as documented` \
                 counts the claims whose verdict is the one in docs/theory.md; another verdict is an error (exit code 1).",
                &["holds", "holds corrected", "refuted", "checked by"],
            ),
            entry(
                "holds corrected",
                &["corrected"],
                "The claim is true with the correction that is printed below the table, and not as it was written.",
                &["claim"],
            ),
            entry(
                "refuted",
                &["counterexample"],
                "The claim is false: a counterexample is printed below the table. A certificate is refuted with a point, or with a \
                 sequence that anyone can replay.",
                &["claim", "certificate"],
            ),
            entry(
                "proved",
                &["boxes", "lemma", "outcome"],
                "Shown for every point of a region, by interval arithmetic with outward rounding: the region is cut into so many \
                 boxes, and the statement holds on each. A theorem is proved if all of its lemmas are.",
                &["certificate", "refuted", "undecided"],
            ),
            entry(
                "certificate",
                &["--certify"],
                "A proof by the machine: intervals that contain the exact values, on boxes that cover the whole region.",
                &["proved"],
            ),
            entry(
                "checked by",
                &["identity", "statistics", "experiment", "residual", "measured"],
                "How a claim is checked. `identity`: both sides are computed and compared, and the residual is how far they are \
                 apart. `closed form`: a simulation is compared with a formula. `statistics`: a statistic over seeds decides. \
                 `certificate`: a proof by interval arithmetic. `experiment`: a measurement that decides nothing. The number that \
                 decides stands in the column `measured`.",
                &["as the closed form", "certificate", "horizon"],
            ),
            entry(
                "horizon",
                &["simulated"],
                "How many steps and seeds are simulated for a claim, and at which scale. A verdict from a simulation says nothing \
                 beyond it.",
                &["claim"],
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use stepwell::dynamics::PHASE_BLOCKS;
    use stepwell::loss_blocks::LossBlocks;
    use stepwell::probe::Probe;
    use stepwell::statistics::{LEAST_FOR_MEDIAN, LEAST_FOR_PREDICTION};
    use stepwell::theory::claims::{Method, Verdict};
    use stepwell::theory::toy_certificates::Certified;
    use stepwell::verdict::{Behavior, Comparison, Drift, Finding, least_pairs};

    use super::*;
    use crate::findings::phase::Fate;

    fn meaning(word: &str) -> &'static str {
        find(word).unwrap_or_else(|| panic!("{word}")).meaning
    }

    #[test]
    fn the_page_is_this_table() {
        let page = include_str!("../../../docs/words.md");
        assert!(page == markdown(), "docs/words.md: print it again by `stepwell explain --all > docs/words.md`");
    }

    #[test]
    fn each_name_has_one_entry_and_leads_to_others() {
        let names: Vec<String> = names().iter().map(|name| name.to_lowercase().replace('_', " ")).collect();
        for (k, name) in names.iter().enumerate() {
            assert!(!names[..k].contains(name), "{name}");
        }
        for entry in entries() {
            assert!(entry.first_sentence().len() < 240, "{}", entry.word);
            assert!(entry.meaning.ends_with('.') && !entry.meaning.contains("  "), "{}", entry.word);
            let words: Vec<&str> = entry.see.iter().map(|word| find(word).map_or("", |found| found.word)).collect();
            assert_eq!(words, entry.see, "{}", entry.word);
        }
    }

    /// Verdicts, fates, methods and probes are printed by these names.
    #[test]
    fn what_is_printed_is_defined() {
        let verdicts =
            [Verdict::Holds, Verdict::HoldsCorrected, Verdict::Refuted, Verdict::Undecided].map(Verdict::name);
        let methods =
            [Method::Identity, Method::ClosedForm, Method::Statistics, Method::Certificate, Method::Experiment];
        let certified = [Certified::Proved, Certified::Refuted(String::new()), Certified::Undecided(String::new())];
        let findings = [Finding::Holds, Finding::DoesNotHold, Finding::CannotTell].map(Finding::name);
        let printed = (Behavior::ALL.iter().map(|behavior| behavior.name()))
            .chain(Fate::ALL.iter().map(|fate| fate.name()))
            .chain(Probe::ALL.iter().map(|probe| probe.name()))
            .chain(verdicts)
            .chain(methods.map(Method::name))
            .chain(certified.iter().map(Certified::name))
            .chain(findings);
        for word in printed {
            assert!(find(word).is_some(), "{word}");
        }
        for verdict in [Comparison::Within(0.94), Comparison::Outside(0.99), Comparison::NotPublished] {
            assert!(find(&verdict.words()).is_some(), "{verdict:?}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_program() {
        assert!(meaning("large phase").contains(&format!("{PHASE_BLOCKS} blocks")));
        assert!(meaning("drift").contains(&format!("{} block means", PHASE_BLOCKS / 2)));
        assert!(meaning("diverges").contains(&format!("{:e} S", LossBlocks::TOO_LARGE)));
        for word in ["stabilized", "flat", "drift"] {
            assert!(meaning(word).contains(&format!("[1/{0}, {0}]", Drift::MARGIN)), "{word}");
        }
        assert!(meaning("prediction interval").contains(&format!("at least {LEAST_FOR_PREDICTION} runs")));
        assert!(meaning("too few").contains(&format!("{LEAST_FOR_PREDICTION} for a prediction interval")));
        for word in ["confidence interval", "range"] {
            assert!(meaning(word).contains(&format!("{LEAST_FOR_MEDIAN} values")), "{word}");
        }
        assert_eq!([1, 2, 3, 4, 6, 7].map(least_pairs), [6, 7, 7, 8, 8, 9]);
    }
}
