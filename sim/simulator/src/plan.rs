//! What one history is made of.

use std::fmt;

/// Kinds of faults that may happen in a history; each can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Calls of the store fail before anything is done.
    pub refusals: bool,
    /// Calls of the store are done and answered with an error.
    pub lost_answers: bool,
    /// Workers die before and after commits, and during effects.
    pub deaths: bool,
    /// Workers stand still for longer than their lease, and go on.
    pub freezes: bool,
    /// Calls of the store take seconds.
    pub delays: bool,
    /// Clocks of workers are wrong.
    pub skew: bool,
}

impl Faults {
    /// All of them.
    pub const ALL: Faults =
        Faults { refusals: true, lost_answers: true, deaths: true, freezes: true, delays: true, skew: true };

    /// None of them.
    pub const NONE: Faults = Faults {
        refusals: false,
        lost_answers: false,
        deaths: false,
        freezes: false,
        delays: false,
        skew: false,
    };

    /// The words by which a command leaves them out.
    pub const WORDS: [&str; 6] = ["refusals", "lost-answers", "deaths", "freezes", "delays", "skew"];

    /// The same, without the one of this word; `None` if there is no such word.
    pub fn without(self, word: &str) -> Option<Faults> {
        let mut faults = self;
        let place = match word {
            "refusals" => &mut faults.refusals,
            "lost-answers" => &mut faults.lost_answers,
            "deaths" => &mut faults.deaths,
            "freezes" => &mut faults.freezes,
            "delays" => &mut faults.delays,
            "skew" => &mut faults.skew,
            _ => return None,
        };
        *place = false;
        Some(faults)
    }
}

/// A mistake that is planted, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A commit is taken whoever holds the execution by now.
    SkipFencing,
    /// An effect is run before the commit that says so.
    ActBeforeCommit,
    /// A creation is acknowledged and not stored.
    ForgetCreation,
    /// An answer to a wait is acknowledged and not stored.
    ForgetAnswer,
    /// An answer to a wait is stored twice, as two.
    DoubleAnswer,
    /// The time at which a wait ends is not stored.
    LoseTimer,
    /// What an effect gave is acknowledged and not stored.
    ForgetResult,
    /// A child's end is not told to its parent.
    LoseReport,
    /// A join runs when the first of its branches is there.
    JoinEarly,
    /// That a time of a schedule was used is stored nowhere.
    DoubleTick,
}

impl Mutation {
    /// All of them, with their names in commands.
    pub const ALL: [(&str, Mutation); 10] = [
        ("skip-fencing", Mutation::SkipFencing),
        ("act-before-commit", Mutation::ActBeforeCommit),
        ("forget-creation", Mutation::ForgetCreation),
        ("forget-answer", Mutation::ForgetAnswer),
        ("double-answer", Mutation::DoubleAnswer),
        ("lose-timer", Mutation::LoseTimer),
        ("forget-result", Mutation::ForgetResult),
        ("lose-report", Mutation::LoseReport),
        ("join-early", Mutation::JoinEarly),
        ("double-tick", Mutation::DoubleTick),
    ];

    fn name(self) -> &'static str {
        Mutation::ALL.iter().find(|(_, mutation)| *mutation == self).map_or("", |(name, _)| name)
    }
}

/// All that decides a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything below this.
    pub seed: u64,
    /// How many workers there are at a time.
    pub workers: usize,
    /// How many things are done from outside while there are faults.
    pub rounds: u32,
    /// What may go wrong.
    pub faults: Faults,
    /// What is wrong on purpose.
    pub mutation: Option<Mutation>,
}

impl Plan {
    /// Three workers, forty rounds, all faults.
    pub fn new(seed: u64) -> Self {
        Plan { seed, workers: 3, rounds: 40, faults: Faults::ALL, mutation: None }
    }

    /// The same with a planted mistake.
    #[must_use]
    pub fn with(self, mutation: Mutation) -> Self {
        Plan { mutation: Some(mutation), ..self }
    }
}

/// The command that runs it.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, workers, rounds, .. } = self;
        write!(f, "cargo run -p prana-simulator -- --seed {seed} --workers {workers} --rounds {rounds}")?;
        for word in Faults::WORDS {
            if self.faults.without(word) == Some(self.faults) {
                write!(f, " --without {word}")?;
            }
        }
        match self.mutation {
            Some(mutation) => write!(f, " --mutation {}", mutation.name()),
            None => Ok(()),
        }
    }
}

/// Makes a plan that fails smaller, as long as `fails` says that it still does: fewer kinds of faults, fewer workers, fewer rounds.
pub fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    loop {
        let Some(smaller) = smaller_than(&best).into_iter().find(|plan| fails(plan)) else { return best };
        best = smaller;
    }
}

fn smaller_than(plan: &Plan) -> Vec<Plan> {
    let fewer_faults = Faults::WORDS.iter().filter_map(|word| plan.faults.without(word));
    let mut smaller: Vec<Plan> = fewer_faults
        .filter(|faults| *faults != plan.faults)
        .map(|faults| Plan { faults, ..plan.clone() })
        .collect();
    if plan.workers > 1 {
        smaller.push(Plan { workers: plan.workers - 1, ..plan.clone() });
    }
    for rounds in [plan.rounds / 2, plan.rounds.saturating_sub(1)] {
        if rounds > 0 && rounds < plan.rounds {
            smaller.push(Plan { rounds, ..plan.clone() });
        }
    }
    smaller
}
