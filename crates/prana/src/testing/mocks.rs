//! Stand-ins for nodes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use indexmap::IndexMap;
use prana_core::ErrorValue;
use prana_core::document::Mock;
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::Str;

use crate::effects::{EffectRequest, Effects};

/// Answers for mocked nodes, and passes everything else on.
pub struct MockEffects {
    mocks: IndexMap<String, Vec<Mock>>,
    attempts: Mutex<HashMap<Str, usize>>,
    others: Arc<dyn Effects>,
}

impl MockEffects {
    /// With these mocks, by node key.
    pub fn new(mocks: &IndexMap<String, Vec<Mock>>, others: Arc<dyn Effects>) -> Self {
        MockEffects { mocks: mocks.clone(), attempts: Mutex::default(), others }
    }

    /// One entry per attempt; the last repeats.
    fn next(&self, key: &Str) -> Option<&Mock> {
        let mocks = self.mocks.get(&**key)?;
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(key.clone()).or_default();
        let mock = mocks.get(*attempt).or(mocks.last());
        *attempt += 1;
        mock
    }
}

#[async_trait]
impl Effects for MockEffects {
    async fn run(&self, request: EffectRequest) -> Result<EffectOutput, ErrorValue> {
        if !request.call.mocked {
            return self.others.run(request).await;
        }
        match self.next(&request.call.node_key) {
            Some(Mock::Complete { output, port }) => {
                let port = port.as_deref().map(Str::from);
                Ok(EffectOutput::Complete(Completed { port, ..Completed::new(output.clone()) }))
            }
            Some(Mock::Fail(error)) => {
                let mut failure = ErrorValue::new(error.code.as_str(), error.message.clone());
                failure.details = error.details.clone();
                failure.retryable = error.retryable;
                Err(failure)
            }
            Some(Mock::Suspend(suspension)) => Ok(EffectOutput::Suspend(suspension.clone())),
            None => {
                Err(ErrorValue::new("test.invalid_mock", "there is no mock for this node").not_retryable())
            }
        }
    }
}
