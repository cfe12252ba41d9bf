//! `stepwell verify`: the theory's claims, checked, and certificates for the user's own numbers.

use std::process::ExitCode;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Value, json};
use stepwell::spec::nearest;
use stepwell::theory::claims::{Claim, Finding, Verdict, claim, claims};
use stepwell::theory::toy_certificates::{
    Certified, Lemma, assemble, certify_alternation, largest_gamma_max, toy_theorem,
};
use stepwell::theory::toy_level::{Inequality, LevelCertificate, certify_level};

use crate::cli::{BoundSide, VerifyArgs};
use crate::code;
use crate::failure::Failure;
use crate::output::{explained, print, print_json, table};

/// The names that take numbers of the user's; the last is no claim of the notes.
const ALTERNATION: &str = "toy-alternation";
const THEOREM: &str = "toy-theorem";
const BOUND: &str = "toy-bound";
/// How finely `--search` looks.
const SEARCH_TOLERANCE: f64 = 1e-4;

/// Checks claims, or certifies what the options ask for.
pub fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let one = match &args.claims[..] {
        [one] => one.as_str(),
        _ => "",
    };
    let own_interval = args.search || args.gamma_min.is_some() || args.gamma_max.is_some();
    match one {
        BOUND => bound(args),
        ALTERNATION if own_interval => alternation(args),
        THEOREM if args.certify => theorem(args),
        _ if args.certify => Err(Failure::usage(format!("--certify goes with one claim: verify {THEOREM} --certify"))),
        _ if own_interval => Err(Failure::usage(format!(
            "--gamma-min, --gamma-max and --search go with one claim: verify {ALTERNATION} (or {BOUND})"
        ))),
        _ if args.inequality.is_some() || args.value.is_some() => {
            Err(Failure::usage(format!("--inequality and --value go with one claim: verify {BOUND}")))
        }
        _ => check(args),
    }
}

/// Runs the checks of the named claims, or of all.
fn check(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let chosen = chosen(&args.claims)?;
    let started = Instant::now();
    let findings: Vec<Finding> = chosen.par_iter().with_max_len(1).map(|claim| claim.verify(args.seeds)).collect();
    let checked: Vec<(&Claim, Finding)> = chosen.into_iter().zip(findings).collect();
    if args.json {
        print_json(&checked.iter().map(|(claim, finding)| as_json(claim, finding)).collect::<Vec<_>>())?;
    } else {
        print(&report(&checked, started.elapsed().as_secs_f64()))?;
    }
    let documented = checked.iter().all(|(claim, finding)| claim.is_as_documented(finding));
    Ok(exit(documented))
}

fn exit(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::from(code::FAILURE) }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Claim>, Failure> {
    if names.is_empty() {
        return Ok(claims());
    }
    let known: Vec<&str> = claims().iter().map(|claim| claim.name).chain([BOUND]).collect();
    let find = |name: &String| {
        claim(name).ok_or_else(|| {
            let hint = nearest(name, &known).map_or(String::new(), |word| format!("; did you mean `{word}`?"));
            Failure::usage(format!("unknown claim `{name}`, expected one of: {}{hint}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn as_json(claim: &Claim, finding: &Finding) -> Value {
    let detail = match finding.verdict {
        Verdict::HoldsCorrected => [claim.correction, &finding.detail].join("; "),
        _ => finding.detail.clone(),
    };
    json!({
        "claim": claim.name, "statement": claim.statement, "source": claim.source, "method": claim.method.name(),
        "verdict": finding.verdict.name(), "expected": claim.expected.name(), "measured": finding.measured,
        "horizon": claim.horizon, "detail": detail.trim_end_matches("; "),
    })
}

fn report(checked: &[(&Claim, Finding)], elapsed: f64) -> String {
    let mut table = table(&["claim", "statement", "checked by", "measured", "verdict"]);
    for (claim, finding) in checked {
        let verdict = match claim.is_as_documented(finding) {
            true => finding.verdict.name().to_string(),
            false => format!("{} (documented: {})", finding.verdict.name(), claim.expected.name()),
        };
        table.add_row([claim.name, claim.statement, claim.method.name(), &finding.measured, &verdict]);
    }
    let mut out = table.trim_fmt() + "\n";
    let corrected = |(claim, finding): &&(&Claim, Finding)| {
        finding.verdict == Verdict::HoldsCorrected && !claim.correction.is_empty()
    };
    out += &listed("What had to be corrected", checked.iter().filter(corrected).map(|(c, _)| (c.name, c.correction)));
    let open = |(_, finding): &&(&Claim, Finding)| matches!(finding.verdict, Verdict::Refuted | Verdict::Undecided);
    let details = checked.iter().filter(open).map(|(c, finding)| (c.name, finding.detail.as_str()));
    out += &listed("Counterexamples, and what is undecided", details);
    let simulated = checked.iter().filter(|(claim, _)| !claim.horizon.is_empty());
    out += &listed("Simulated, unless --seeds says otherwise", simulated.map(|(claim, _)| (claim.name, claim.horizon)));
    let documented = checked.iter().filter(|(claim, finding)| claim.is_as_documented(finding)).count();
    out + &format!(
        "\n{documented} of {} as documented, {elapsed:.1} s\n{}\n",
        checked.len(),
        explained(&["refuted", "checked by"])
    )
}

fn listed<'a>(title: &str, items: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let lines: String = items.map(|(name, words)| format!("  {name}: {words}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") }
}

/// The chain of lemmas of the corrected proposition.
fn theorem(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let lemmas = toy_theorem();
    let (outcome, boxes) = assemble(&lemmas);
    if args.json {
        let mut out = certificate(&outcome, boxes);
        out["lemmas"] = lemmas.iter().map(lemma_json).collect();
        print_json(&out)?;
    } else {
        print(&format!("{}\n{}\n", lemma_table(&lemmas), in_words(THEOREM, &outcome, boxes)))?;
    }
    Ok(exit(outcome == Certified::Proved))
}

/// Alternation for the user's interval of gamma, or the largest interval for which it can be proved.
fn alternation(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let refuse = |error| Failure::usage(format!("{error}"));
    let gamma_min = args.gamma_min.unwrap_or(1.0);
    let (found, boxes, beyond) = if args.search {
        if args.gamma_max.is_some() {
            return Err(Failure::usage("--search finds gamma_max itself: leave --gamma-max out"));
        }
        let largest = largest_gamma_max(gamma_min, SEARCH_TOLERANCE).map_err(refuse)?;
        (largest.certificate, largest.boxes, largest.beyond)
    } else {
        let gamma_max = args.gamma_max.ok_or_else(|| Failure::usage("--gamma-max is missing (or --search for it)"))?;
        let found = certify_alternation(gamma_min, gamma_max).map_err(refuse)?;
        let boxes = found.boxes;
        (found, boxes, None)
    };
    let next = beyond.map(|beyond| format!("gamma_max {}: {}", beyond.gamma_max, beyond.outcome.name()));
    let detail = match (&next, found.outcome.detail()) {
        (Some(next), "") => {
            format!("iterates stay in [{}, {}]; next, {next}", found.attracting[0], found.attracting[1])
        }
        (None, "") => format!("iterates stay in [{}, {}]", found.attracting[0], found.attracting[1]),
        (_, detail) => detail.to_string(),
    };
    if args.json {
        let mut out = certificate(&found.outcome, boxes);
        out["gamma_min"] = json!(found.gamma_min);
        out["gamma_max"] = json!(found.gamma_max);
        out["detail"] = json!(detail);
        print_json(&out)?;
    } else {
        let interval = format!("alternation for gamma in [{}, {}]", found.gamma_min, found.gamma_max);
        let words = in_words(&interval, &found.outcome, boxes);
        print(&format!("{}\n{words}\n{detail}\n", lemma_table(&found.lemmas)))?;
    }
    Ok(exit(found.outcome == Certified::Proved))
}

/// A bound of the loss on the attracting set, by the user's value.
fn bound(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let missing = |what: &str| Failure::usage(format!("verify {BOUND} needs {what}"));
    let inequality = match args.inequality.ok_or_else(|| missing("--inequality lower or upper"))? {
        BoundSide::Lower => Inequality::Lower,
        BoundSide::Upper => Inequality::Upper,
    };
    let value = args.value.ok_or_else(|| missing("--value V, in units of E[x^2] theta_*^4"))?;
    let (gamma_min, gamma_max) = (args.gamma_min.unwrap_or(1.02), args.gamma_max.unwrap_or(1.25));
    let found =
        certify_level(inequality, value, gamma_min, gamma_max).map_err(|error| Failure::usage(format!("{error}")))?;
    let LevelCertificate { outcome, boxes, lemmas, attracting: [below, above], replay } = found;
    if args.json {
        let mut out = certificate(&outcome, boxes);
        out["gamma_min"] = json!(gamma_min);
        out["gamma_max"] = json!(gamma_max);
        out["value"] = json!(value);
        out["attracting"] = json!([[below.lo(), below.hi()], [above.lo(), above.hi()]]);
        if let Some(replay) = replay {
            let row = |(gamma, times): (f64, usize)| json!({ "gamma": gamma, "times": times });
            out["replay"] = json!({
                "start": replay.starts.middle(),
                "gammas": replay.in_rows().into_iter().map(row).collect::<Vec<_>>(), "broken_after": replay.broken_after,
                "loss": [replay.loss.lo(), replay.loss.hi()],
            });
        }
        print_json(&out)?;
    } else {
        let side = if inequality == Inequality::Lower { "above" } else { "below" };
        let what = format!("loss {side} {value} on the attracting set of gamma in [{gamma_min}, {gamma_max}]");
        // the ends are exact: the printed digits contain them
        let set = format!(
            "iterates end in [{:.9}, {:.9}] and [{:.9}, {:.9}]",
            below.lo(),
            below.hi(),
            above.lo(),
            above.hi()
        );
        print(&format!("{}\n{set}\n{}\n", lemma_table(&lemmas), in_words(&what, &outcome, boxes)))?;
    }
    Ok(exit(outcome == Certified::Proved))
}

/// A certificate in the words of verdicts: what is proved holds.
fn certificate(outcome: &Certified, boxes: usize) -> Value {
    let verdict = if *outcome == Certified::Proved { "holds" } else { outcome.name() };
    json!({ "verdict": verdict, "boxes": boxes, "detail": outcome.detail() })
}

fn lemma_json(lemma: &Lemma) -> Value {
    json!({
        "lemma": lemma.name, "statement": lemma.statement, "box": lemma.region, "outcome": lemma.outcome.name(),
        "boxes": lemma.boxes, "detail": lemma.outcome.detail(),
    })
}

fn lemma_table(lemmas: &[Lemma]) -> String {
    let mut table = table(&["lemma", "statement", "on the box", "outcome", "boxes"]);
    for lemma in lemmas {
        let boxes = lemma.boxes.to_string();
        table.add_row([lemma.name, &lemma.statement, &lemma.region, lemma.outcome.name(), &boxes]);
    }
    table.trim_fmt()
}

fn in_words(what: &str, outcome: &Certified, boxes: usize) -> String {
    let detail = if outcome.detail().is_empty() { String::new() } else { format!(": {}", outcome.detail()) };
    format!("{what}: {} by interval arithmetic on {boxes} boxes{detail}", outcome.name())
}
