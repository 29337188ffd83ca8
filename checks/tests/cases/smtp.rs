//! Cases of `smtp::judge`, `smtp::strangers::judge` and `gateway::judge`.

use fencepost_checks::{gateway, smtp};
use serde::Deserialize;

use crate::Case;
use crate::dialogue::DialogueSpec;
use crate::dns::{names, noon};
use crate::expect::{Expect, Got};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    dialogues: Vec<DialogueSpec>,
    expect: Expect,
}

impl Case for SmtpCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let dialogues = self.dialogues.iter().map(DialogueSpec::dialogue).collect::<Result<Vec<_>, _>>()?;
        let context = smtp::SmtpContext { domain: names(&["example.com"]).remove(0), now: noon() };
        let got = Got::of(smtp::judge(&dialogues, &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}

/// Dialogues that ask an own server for strangers, from an outsider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrangersCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    dialogues: Vec<DialogueSpec>,
    expect: Expect,
}

impl Case for StrangersCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let from_outside = |spec: &DialogueSpec| DialogueSpec {
            from: Some(spec.from.clone().unwrap_or_else(|| "outsider helsinki".to_owned())),
            strangers: true,
            ..spec.clone()
        };
        let dialogues =
            self.dialogues.iter().map(|spec| from_outside(spec).dialogue()).collect::<Result<Vec<_>, _>>()?;
        let context = smtp::SmtpContext { domain: names(&["example.com"]).remove(0), now: noon() };
        let got = Got::of(smtp::strangers::judge(&dialogues, &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}

/// The first dialogue is with mx1 of the gateway, from an outsider; one with mx2 that is well is added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    mx1: Vec<DialogueSpec>,
    expect: Expect,
}

impl Case for GatewayCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let well =
            DialogueSpec { foreign: Some("554 5.7.1 relay access denied".to_owned()), ..DialogueSpec::default() };
        let to = |spec: &DialogueSpec, host: &str| DialogueSpec {
            to: Some(host.to_owned()),
            from: Some("outsider helsinki".to_owned()),
            ..spec.clone()
        };
        let mut dialogues = vec![to(&well, "mx2.gateway.example").dialogue()?];
        for spec in &self.mx1 {
            dialogues.push(to(spec, "mx1.gateway.example").dialogue()?);
        }
        let context = gateway::GatewayContext {
            domain: names(&["example.com"]).remove(0),
            mx_hosts: crate::dns::gateway(),
            now: noon(),
        };
        let got = Got::of(gateway::judge(&dialogues, &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}
