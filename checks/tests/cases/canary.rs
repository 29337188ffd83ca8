//! Cases of `canary::judge`.

use fencepost_checks::canary::{self, Action, Canary, CanaryContext, Notice};
use fencepost_checks::observation::smtp::{SmtpReply, Stage, StageOutcome, StageRecord};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::Case;
use crate::dialogue::DialogueSpec;
use crate::dns::{names, noon};
use crate::expect::{Expect, Got};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    /// The dialogue with mx1 of the gateway; left out: nothing was sent yet.
    sent: Option<DialogueSpec>,
    /// The reply to the end of the message. Default: 250.
    message: Option<String>,
    #[serde(default)]
    minutes_ago: i64,
    /// `delivered`, `relayed`, `expanded`, `delayed` or `failed`, and a status with a text.
    notice: Option<String>,
    /// The notice is about another message.
    #[serde(default)]
    foreign: bool,
    #[serde(default)]
    required: bool,
    expect: Expect,
}

impl Case for CanaryCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let at = noon() - SignedDuration::from_mins(self.minutes_ago);
        let dialogue = self.sent.as_ref().map(|spec| self.dialogue(spec)).transpose()?;
        let token = "0123456789abcdef".to_owned();
        let canary = dialogue.map(|mut dialogue| {
            dialogue.started_at = at;
            Canary { token: token.clone(), about: String::new(), planned_at: at, dialogue: Some(dialogue) }
        });
        let notice = self.notice.as_deref().map(|text| notice(text, if self.foreign { "other" } else { &token }));
        let context = CanaryContext {
            domain: names(&["example.com"]).remove(0),
            mailbox: "test@example.com".to_owned(),
            required: self.required,
            now: noon(),
        };
        let got = Got::of(canary::judge(canary.as_ref(), notice.transpose()?.as_ref(), &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}

impl CanaryCase {
    fn dialogue(&self, spec: &DialogueSpec) -> Result<fencepost_checks::observation::SmtpDialogue, String> {
        let spec = DialogueSpec {
            to: Some("mx1.gateway.example".to_owned()),
            from: Some("outsider helsinki".to_owned()),
            offers: Some(spec.offers.clone().unwrap_or_else(|| vec!["DSN".to_owned()])),
            ..spec.clone()
        };
        let mut dialogue = spec.dialogue()?;
        let offers = spec.offers.as_ref().is_some_and(|keywords| keywords.iter().any(|k| k == "DSN"));
        let own = [Stage::RcptPostmaster, Stage::Rset];
        dialogue.stages.retain(|s| !own.contains(&s.stage) && (offers || s.stage < Stage::MailFrom));
        let accepted = dialogue.stages.iter().any(|s| {
            s.stage == Stage::RcptTest && matches!(&s.outcome, StageOutcome::Reply { reply } if reply.code < 300)
        });
        if accepted {
            let text = self.message.as_deref().unwrap_or("250 2.0.0 queued");
            for (stage, text) in [(Stage::Data, "354 go on"), (Stage::Message, text)] {
                let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
                let code = code.parse().map_err(|_| format!("message: `{text}`"))?;
                let reply = SmtpReply { code, enhanced: None, lines: vec![rest.to_owned()] };
                dialogue.stages.push(StageRecord { stage, elapsed_ms: 5, outcome: StageOutcome::Reply { reply } });
            }
        }
        Ok(dialogue)
    }
}

fn notice(text: &str, token: &str) -> Result<Notice, String> {
    let mut words = text.splitn(3, ' ');
    let action = match words.next().unwrap_or_default() {
        "delivered" => Action::Delivered,
        "relayed" => Action::Relayed,
        "expanded" => Action::Expanded,
        "delayed" => Action::Delayed,
        "failed" => Action::Failed,
        other => return Err(format!("notice: `{other}`")),
    };
    Ok(Notice {
        token: token.to_owned(),
        action,
        status: words.next().unwrap_or_default().to_owned(),
        reporting_mta: "mx1.gateway.example".to_owned(),
        diagnostic: words.next().unwrap_or_default().to_owned(),
        received_at: noon(),
    })
}
