//! Questions on a terminal, one line each.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use anyhow::{Context as _, anyhow};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::words;

/// A terminal takes no more in one line, and drops the rest without a word (termios(3): `MAX_CANON` of Linux).
const LONGEST: usize = 4095;

/// How wide the text is.
const WIDTH: usize = 80;

/// The terminal of a person, as it was found.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    found: Termios,
}

impl Terminal {
    /// The terminal that is there.
    ///
    /// # Errors
    ///
    /// If it tells nothing of itself.
    pub(super) fn open() -> anyhow::Result<Self> {
        Ok(Self { found: tcgetattr(io::stdin().as_fd()).context("the terminal does not tell how it is set")? })
    }

    /// Sets it as it was found: whatever ends the questions, the next command shows what is typed.
    pub(super) fn restore(&self) {
        // There is nobody to tell where the terminal is gone.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.found);
    }

    /// Prints a paragraph, wrapped.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        self.list("", text)
    }

    /// Prints a paragraph behind a mark, the lines below the first one indented by it.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) fn list(&self, mark: &str, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let indent = " ".repeat(mark.chars().count());
        for (number, line) in words::wrap(text, WIDTH - indent.len()).iter().enumerate() {
            writeln!(out, "{}{line}", if number == 0 { mark } else { &indent })?;
        }
        out.flush()
    }

    /// Prints an empty line.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) fn gap(&self) -> io::Result<()> {
        writeln!(io::stdout().lock())
    }

    /// Asks for a line; an empty one is the default, where there is one. What cannot be meant is asked again.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub(super) fn ask(&self, question: &str, default: Option<&str>) -> anyhow::Result<String> {
        loop {
            let shown = default.filter(|default| !default.is_empty());
            let shown = shown.map(|default| format!(" [{}]", words::clean(default, 300))).unwrap_or_default();
            let line = self.line(&format!("{question}{shown}: "), false)?;
            let line = line.trim();
            match default {
                Some(default) if line.is_empty() => return Ok(default.to_owned()),
                _ if line.contains(char::is_control) => {
                    self.say("There is a control character in it: type it anew.")?
                }
                None if line.is_empty() => self.say("Something is needed here.")?,
                _ => return Ok(line.to_owned()),
            }
        }
    }

    /// Asks for one of some letters; an empty line is the first.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub(super) fn choose(&self, question: &str, letters: &[(char, &str)]) -> anyhow::Result<char> {
        self.say(question)?;
        for (number, (letter, meaning)) in letters.iter().enumerate() {
            let usual = if number == 0 { " (or Enter)" } else { "" };
            self.list(&format!("  {letter}  "), &format!("{meaning}{usual}"))?;
        }
        loop {
            let answer = self.ask("Your choice", Some(""))?.to_ascii_lowercase();
            let wanted = answer.chars().next();
            let found = letters.iter().find(|(letter, _)| wanted.is_none_or(|wanted| wanted == *letter));
            match found {
                Some((letter, _)) if answer.chars().count() <= 1 => return Ok(*letter),
                _ => self.say("It is none of these.")?,
            }
        }
    }

    /// Asks for a yes or a no.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub(super) fn agrees(&self, question: &str, default: bool) -> anyhow::Result<bool> {
        loop {
            let usual = if default { "Y/n" } else { "y/N" };
            match self.line(&format!("{question} [{usual}]: "), false)?.trim().to_ascii_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("Yes or no?")?,
            }
        }
    }

    /// Asks for a secret, and shows nothing of it. `empty` is what an empty line means, where one is taken.
    ///
    /// # Errors
    ///
    /// If the terminal is closed.
    pub(super) fn secret(&self, question: &str, empty: Option<&str>) -> anyhow::Result<Option<Zeroizing<String>>> {
        let kept = empty.map(|meaning| format!(", {meaning}")).unwrap_or_default();
        loop {
            let line = self.line(&format!("{question} (not shown{kept}): "), true)?;
            match super::held::secret_of(&line) {
                Ok(secret) => return Ok(Some(secret)),
                Err(_) if line.trim().is_empty() && empty.is_some() => return Ok(None),
                Err(why) => self.say(&words::sentence(why))?,
            }
        }
    }

    /// One line as it was typed.
    fn line(&self, prompt: &str, is_hidden: bool) -> anyhow::Result<Zeroizing<String>> {
        let hidden = is_hidden.then(|| {
            let mut hidden = self.found.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            hidden
        });
        if let Some(hidden) = &hidden {
            // What was typed ahead was shown already, and is no secret.
            tcsetattr(io::stdin().as_fd(), OptionalActions::Flush, hidden)
                .context("the terminal cannot be silenced")?;
        }
        {
            let mut out = io::stdout().lock();
            write!(out, "{prompt}")?;
            out.flush()?;
        }
        let line = read_line();
        if hidden.is_some() {
            self.restore();
            writeln!(io::stdout().lock())?;
        }
        line
    }
}

/// Reads a line past every buffer: what is typed may be a secret.
fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        match rustix::io::read(io::stdin(), byte.as_mut_slice()) {
            Ok(0) => return Err(anyhow!("the terminal was closed")),
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error)).context("the terminal cannot be read"),
        }
        if line.len() >= LONGEST {
            return Err(anyhow!("a terminal takes no longer line: put it into a file, and name that"));
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| anyhow!("what was typed is not UTF-8 text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}
