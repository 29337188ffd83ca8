//! `fencepost ledger explain RUN/LINE`: from a line of an invoice back to the mails that caused it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::client::{ApiArgs, ApiError, Client};
use super::super::print::{cell, json, lines, member};
use super::super::{Exit, Output};
use super::words;
use crate::ledger::explain::LineName;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// The line: date of the closed run and the line's number in it, such as 2026-12-15/3
    #[arg(value_name = "RUN/LINE")]
    line: LineName,
    /// Save the mails and documents that the line rests on in this folder
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
}

/// A document that an entry rests on, and what the file it is saved in is called.
struct Document {
    sha256: String,
    file: String,
}

/// # Errors
/// [`ApiError`].
pub(super) async fn run(args: &Args) -> Result<Exit, ApiError> {
    let client = Client::new(&args.api)?;
    let (date, number) = (args.line.run.to_string(), args.line.number.to_string());
    let told: Value = client.get(&["v1", "invoicing", &date, "lines", &number], &[]).await?;
    match args.api.output {
        Output::Json => json(&told),
        Output::Table => lines(&text(&told)),
    }
    match &args.save {
        None => Ok(Exit::Pass),
        Some(folder) => save(&client, &told, folder).await,
    }
}

fn text(told: &Value) -> String {
    let none = Value::Null;
    let line = told.get("line").unwrap_or(&none);
    let period = super::super::invoicing::days(line.get("period").unwrap_or(&none));
    let mut text = format!(
        "{} for {}, {period}, {} in the run of {}\nbilled to {}, partner {}\n\n{}\n{}\n",
        member(line, "amount"),
        member(line, "customer_id"),
        member(line, "kind"),
        member(line, "run"),
        member(line, "bill_to"),
        member(line, "partner"),
        member(told, "why_this_run"),
        member(told, "why_this_amount"),
    );
    let array = |name: &str| told.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for charged in array("charged_before") {
        text.push_str(&format!("  the run of {} charged {}\n", member(charged, "run"), member(charged, "amount")));
    }
    text.push_str("\nIt rests on:\n");
    for entry in array("entries") {
        let draft = entry.get("draft").unwrap_or(&none);
        let approved = match draft.get("approved_by").and_then(Value::as_str) {
            Some(by) => format!(", approved by {}", cell(by)),
            None => String::new(),
        };
        text.push_str(&format!(
            "  no. {}: {}, valid from {}\n    recorded {} by {}{approved}\n    because of {}\n",
            member(entry, "seq"),
            draft.get("kind").map(words).unwrap_or_default(),
            member(draft, "valid_from"),
            member(entry, "recorded_at"),
            member(draft, "recorded_by"),
            draft.get("evidence").map(words).unwrap_or_default(),
        ));
    }
    let later = array("recorded_later");
    if !later.is_empty() {
        let seqs: Vec<String> = later.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\nRecorded after the run, without effect on this line: {}\n", seqs.join(", ")));
    }
    if !documents(told).is_empty() {
        text.push_str("\nTo read the mails and documents themselves, add --save FOLDER.\n");
    }
    text
}

fn documents(told: &Value) -> Vec<Document> {
    let entries = told.get("entries").and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<Document> = Vec::new();
    for entry in entries {
        let Some(evidence) = entry.get("draft").and_then(|draft| draft.get("evidence")) else { continue };
        let Some(sha256) = evidence.get("sha256").and_then(Value::as_str) else { continue };
        // It becomes a part of a file's name.
        let Some(seq) = entry.get("seq").and_then(Value::as_u64) else { continue };
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_digest || found.iter().any(|d| d.sha256 == sha256) {
            continue;
        }
        let ending = match evidence.get("type").and_then(Value::as_str) {
            Some("mail") => "eml",
            Some("order") => "json",
            _ => "bin",
        };
        let file = format!("entry-{seq}-{}.{ending}", sha256.get(..12).unwrap_or_default());
        found.push(Document { sha256: sha256.to_owned(), file });
    }
    found
}

async fn save(client: &Client, told: &Value, folder: &Path) -> Result<Exit, ApiError> {
    let failed = |path: &Path, error: std::io::Error| {
        eprintln!("fencepost: {}: {error}; give --save a folder that you may write to", path.display());
        Ok(Exit::Usage)
    };
    if let Err(error) = std::fs::create_dir_all(folder) {
        return failed(folder, error);
    }
    let mut exit = Exit::Pass;
    for Document { sha256, file } in documents(told) {
        let path = folder.join(file);
        match client.get_bytes(&["v1", "ledger", "evidence", &sha256], &[]).await {
            Ok(content) if hex::encode(Sha256::digest(&content)) != sha256.to_ascii_lowercase() => {
                eprintln!("fencepost: what the service keeps as {sha256} is something else; it is not saved");
                exit = Exit::Fail;
            }
            Ok(content) => {
                if let Err(error) = std::fs::write(&path, content) {
                    return failed(&path, error);
                }
                eprintln!("saved {}", path.display());
            }
            Err(ApiError::Refused { status, .. }) if status == reqwest::StatusCode::NOT_FOUND => {
                eprintln!("fencepost: {sha256} is not kept any more; only its hash is");
                exit = Exit::Fail;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_cannot_choose_where_a_document_is_saved() {
        let sha256 = "ab".repeat(32);
        let entry = |seq: Value, sha256: &str, kind: &str| serde_json::json!({ "seq": seq, "draft": { "evidence": { "type": kind, "sha256": sha256 } } });
        let told = serde_json::json!({ "entries": [
            entry(7.into(), &sha256, "mail"),
            entry("../../7".into(), &"cd".repeat(32), "mail"),
            entry(8.into(), "../../../etc/passwd", "order"),
            entry(9.into(), &"ef".repeat(32), "../x"),
        ] });
        let files: Vec<String> = documents(&told).into_iter().map(|document| document.file).collect();
        assert_eq!(files, ["entry-7-abababababab.eml", "entry-9-efefefefefef.bin"]);
    }
}
