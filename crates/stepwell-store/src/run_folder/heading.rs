//! The head of `run.toml`: what a folder of results is about.

use crate::error::StoreError;

/// Which command made a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `stepwell run`.
    Run,
    /// `stepwell train`.
    Train,
    /// `stepwell reproduce`.
    Reproduce,
    /// `stepwell phase`.
    Phase,
    /// `stepwell advise`.
    Advise,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Run, Self::Train, Self::Reproduce, Self::Phase, Self::Advise];

    /// The word in the first line of `run.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Train => "train",
            Self::Reproduce => "reproduce",
            Self::Phase => "phase",
            Self::Advise => "advise",
        }
    }
}

/// A file that results depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// SHA-256 of its content; of a folder, of the contents of its files.
    pub sha256: String,
    /// Its absolute path.
    pub path: String,
}

/// What a folder is about. In `run.toml` these are comments above the spec, so that the file is a spec itself:
///
/// ```text
/// # stepwell 0.1.0 run
/// # question: seed 1, 20 seeds
/// # $ stepwell run - --seed 1 --seeds 20
/// # input 5891b5b522d5df08... /home/me/x.npy
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The version of the program: another one may compute other bits.
    pub version: String,
    /// Which command it is of.
    pub kind: Kind,
    /// What is asked beside the spec, in one line.
    pub question: String,
    /// A shell command that makes it again, in one line; `-` in it stands for the spec.
    pub command: String,
    /// The files that the spec names.
    pub inputs: Vec<Input>,
    /// The resolved spec, as TOML.
    pub spec: String,
}

impl Heading {
    /// Of this version of the program.
    pub fn new(kind: Kind, question: String, command: String, inputs: Vec<Input>, spec: String) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), kind, question, command, inputs, spec }
    }

    /// The text of `run.toml`.
    pub fn to_text(&self) -> String {
        let Self { version, kind, question, command, inputs, spec } = self;
        let input = |input: &Input| format!("# input {} {}\n", input.sha256, in_one_line(&input.path));
        let inputs: String = inputs.iter().map(input).collect();
        let (question, command) = (in_one_line(question), in_one_line(command));
        format!("# stepwell {version} {}\n# question: {question}\n# $ {command}\n{inputs}{spec}", kind.name())
    }

    /// The heading that a text is; `None` if it is no such text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut line = |start: &str| {
            let (line, below) = rest.strip_prefix(start)?.split_once('\n')?;
            rest = below;
            Some(of_one_line(line))
        };
        let first = line("# stepwell ")?;
        let (version, word) = first.split_once(' ')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word)?;
        let (question, command) = (line("# question: ")?, line("# $ ")?);
        let mut inputs = Vec::new();
        while let Some(input) = line("# input ") {
            let (sha256, path) = input.split_once(' ')?;
            inputs.push(Input { sha256: sha256.into(), path: path.into() });
        }
        Some(Self { version: version.into(), kind, question, command, inputs, spec: rest.into() })
    }

    /// The hashes of the files that the spec names.
    pub fn hashes(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.sha256.clone()).collect()
    }

    /// What differs between two headings in the first place, in words; `None` if they ask the same.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            (self.kind != other.kind, "it is of another command"),
            (self.version != other.version, "it is of another version of stepwell"),
            (self.spec != other.spec, "its spec differs"),
            (self.inputs != other.inputs, "the files that its spec names have changed"),
            (self.question != other.question, "it is of other seeds or options"),
        ];
        differs.into_iter().find_map(|(differs, why)| differs.then_some(why))
    }
}

/// A text in one line.
fn in_one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn of_one_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(escaped @ ('n' | 'r' | '\\'))) => {
                chars.next();
                out.push(match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                });
            }
            _ => out.push(c),
        }
    }
    out
}

/// The files at some paths with their hashes.
///
/// # Errors
/// If one cannot be read.
pub fn inputs(paths: &[String]) -> Result<Vec<Input>, StoreError> {
    let hashed = |path: &String| {
        let sha256 = crate::digest::file_sha256(std::path::Path::new(path))?;
        Ok(Input { sha256, path: path.clone() })
    };
    paths.iter().map(hashed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_come_back_and_differences_are_told() {
        let input = Input { sha256: "ab".repeat(32), path: "/tmp/my\n\\n file.npy".into() };
        let heading = Heading::new(
            Kind::Run,
            "seed 1, 3 seeds".into(),
            "stepwell run -".into(),
            vec![input],
            "steps = 3\n".into(),
        );
        assert_eq!(Heading::parse(&heading.to_text()), Some(heading.clone()));
        assert_eq!(heading.difference(&Heading { command: "other".into(), ..heading.clone() }), None);
        let other = Heading { spec: String::new(), ..heading.clone() };
        assert_eq!(heading.difference(&other), Some("its spec differs"));
        for text in [
            "",
            "# stepwell 0.1.0; seed 1, 3 seeds\nsteps = 3\n",
            "# stepwell 0.1.0 walk\n# question: \n# $ \n",
            "steps = 3\n",
        ] {
            assert_eq!(Heading::parse(text), None, "{text}");
        }
    }
}
