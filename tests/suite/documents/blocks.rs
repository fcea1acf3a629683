//! Fenced blocks of a document, and the commands in them.

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// What follows the fence, word by word: the language, then how the tests treat it.
    pub(crate) info: Vec<String>,
    /// What stands in it, without the indentation of the fence.
    pub(crate) text: String,
}

impl Block {
    /// The language, or nothing.
    pub(crate) fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// Whether the info string has a word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.info.iter().any(|found| found == word)
    }

    /// The file that it is the content of.
    pub(crate) fn file(&self) -> Option<&str> {
        self.info.iter().find_map(|word| word.strip_prefix("file="))
    }

    /// Its commands, each with the output that is shown below it. In a console block they are the lines after `$`,
    /// in any other one all lines but comments. A line that ends in a backslash goes on.
    pub(crate) fn commands(&self) -> Vec<(String, Vec<String>)> {
        let mut commands: Vec<(String, Vec<String>)> = Vec::new();
        let is_console = self.language() == "console";
        let mut goes_on = false;
        for line in self.text.lines() {
            let command = if is_console { line.strip_prefix("$ ") } else { Some(line) };
            match (goes_on, command, commands.last_mut()) {
                (true, _, Some((last, _))) => {
                    last.truncate(last.len() - 1);
                    last.push_str(line.trim_start());
                    goes_on = line.ends_with('\\');
                }
                (_, Some(command), _) if !command.trim().is_empty() && !command.trim_start().starts_with('#') => {
                    goes_on = command.ends_with('\\');
                    commands.push((command.trim().to_owned(), Vec::new()));
                }
                (_, None, Some((_, shown))) => shown.push(line.to_owned()),
                _ => {}
            }
        }
        commands
    }
}

/// Every fenced block of a document.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in text.lines().enumerate() {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        open = match (open, inner.strip_prefix("```")) {
            (None, Some(info)) => {
                let info = info.split_whitespace().map(ToOwned::to_owned).collect();
                Some((indent, Block { line: number + 1, info, text: String::new() }))
            }
            (None, None) => None,
            (Some((_, block)), Some("")) => {
                blocks.push(block);
                None
            }
            (Some((indent, mut block)), _) => {
                block.text.push_str(line.get(indent..).unwrap_or(inner));
                block.text.push('\n');
                Some((indent, block))
            }
        };
    }
    assert!(open.is_none(), "a block has no end: {open:?}");
    blocks
}

/// A document without its fenced blocks.
pub(crate) fn prose(text: &str) -> String {
    let mut is_fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !is_fenced && !is_fence {
            prose.push_str(line);
        }
        prose.push('\n');
        is_fenced ^= is_fence;
    }
    prose
}

/// The words of a line of shell, quotes taken off; what separates commands is a word of its own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_word, mut quote) = (String::new(), false, None);
    let mut characters = line.chars().peekable();
    let mut end = |word: &mut String, is_word: &mut bool| {
        if std::mem::take(is_word) {
            words.push(std::mem::take(word));
        }
    };
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '#') if !is_word => break,
            (None, _) if c.is_whitespace() => end(&mut word, &mut is_word),
            (None, '$') if characters.peek() == Some(&'(') => {}
            (None, '|' | '&' | ';' | '(' | ')' | '>' | '<') => {
                // The number of what is redirected is no argument.
                if matches!(c, '<' | '>') && word.parse::<u8>().is_ok() {
                    (word, is_word) = (String::new(), false);
                }
                end(&mut word, &mut is_word);
                (word, is_word) = (c.to_string(), true);
                end(&mut word, &mut is_word);
            }
            _ => {
                word.push(c);
                is_word = true;
            }
        }
    }
    end(&mut word, &mut is_word);
    words
}

/// The arguments of every call of this program in a line of shell, of a crontab or of a unit.
pub(crate) fn calls(line: &str) -> Vec<Vec<String>> {
    let words = words(line);
    let is_end = |word: &String| word.len() == 1 && "|&;()<>".contains(word.as_str());
    words
        .split(is_end)
        .filter_map(|command| {
            // What may stand before a command: a prompt, a keyword, an assignment, another user.
            let mut rest = command;
            loop {
                rest = match rest {
                    [flag, _, more @ ..] if flag == "-u" => more,
                    [first, more @ ..]
                        if ["$", "sudo", "if", "then", "else", "do", "!", "exec"].contains(&first.as_str())
                            || is_assignment(first) =>
                    {
                        more
                    }
                    _ => break,
                };
            }
            match rest {
                [cargo, run, more @ ..] if cargo == "cargo" && run == "run" => {
                    let at = more.iter().position(|word| word == "--")?;
                    Some(more[at + 1..].to_vec())
                }
                [program, more @ ..] => {
                    let program = program.strip_prefix("ExecStart=").unwrap_or(program);
                    (program == "apnswatch" || program.ends_with("/apnswatch")).then(|| more.to_vec())
                }
                [] => None,
            }
        })
        .collect()
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name != "ExecStart" && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
