//! Notices by name, each with its template. A new notice is a line here and a file in
//! `config/templates/notices/en`.

use askama::Template;

use super::view::View;

macro_rules! notices {
    ($($variant:ident = $name:literal, $path:literal;)+) => {
        /// Every notice that can be rendered, in the order in which they happen.
        pub const NAMES: &[&str] = &[$($name),+];

        /// The rendered template, `None` where there is no such notice.
        pub(super) fn render(name: &str, view: &View) -> Option<askama::Result<String>> {
            match name {
                $($name => {
                    #[derive(Template)]
                    #[template(path = $path)]
                    struct $variant<'a> { v: &'a View }
                    Some($variant { v: view }.render())
                })+
                _ => None,
            }
        }
    };
}

notices! {
    OrderReceived = "order_received", "notices/en/order_received.txt";
    FirewallInstructions = "firewall_instructions", "notices/en/firewall_instructions.txt";
    MxChangeMayBeRelayed = "mx_change_may_be_relayed", "notices/en/mx_change_may_be_relayed.txt";
    PermissionWithdrawn = "permission_withdrawn", "notices/en/permission_withdrawn.txt";
    EarlyCutoverAlarm = "early_cutover_alarm", "notices/en/early_cutover_alarm.txt";
    MxChangeSeen = "mx_change_seen", "notices/en/mx_change_seen.txt";
    Overdue = "overdue", "notices/en/overdue.txt";
    Connected = "connected", "notices/en/connected.txt";
    MayCloseOldPath = "may_close_old_path", "notices/en/may_close_old_path.txt";
    Drift = "drift", "notices/en/drift.txt";
    Repaired = "repaired", "notices/en/repaired.txt";
    DeliveryFailing = "delivery_failing", "notices/en/delivery_failing.txt";
    Stop = "stop", "notices/en/stop.txt";
    MoveAway = "move_away", "notices/en/move_away.txt";
    Released = "released", "notices/en/released.txt";
    NewServerInstructions = "new_server_instructions", "notices/en/new_server_instructions.txt";
    RouteChanged = "route_changed", "notices/en/route_changed.txt";
    RouteChangeFailed = "route_change_failed", "notices/en/route_change_failed.txt";
    Suspended = "suspended", "notices/en/suspended.txt";
    Resumed = "resumed", "notices/en/resumed.txt";
    CutOffAnnounced = "cut_off_announced", "notices/en/cut_off_announced.txt";
    CutOffBegun = "cut_off_begun", "notices/en/cut_off_begun.txt";
    ReleaseUndecidable = "release_undecidable", "notices/en/release_undecidable.txt";
    ImportUnconfirmed = "import_unconfirmed", "notices/en/import_unconfirmed.txt";
    HostRetiring = "host_retiring", "notices/en/host_retiring.txt";
    HostRetired = "host_retired", "notices/en/host_retired.txt";
    AddressAnnounced = "address_announced", "notices/en/address_announced.txt";
    AddressRetired = "address_retired", "notices/en/address_retired.txt";
    TrialStarted = "trial_started", "notices/en/trial_started.txt";
    TrialExtended = "trial_extended", "notices/en/trial_extended.txt";
    TrialReminder = "trial_reminder", "notices/en/trial_reminder.txt";
    TrialEnded = "trial_ended", "notices/en/trial_ended.txt";
    DecisionNeeded = "decision_needed", "notices/en/decision_needed.txt";
    WillBeInvoiced = "will_be_invoiced", "notices/en/will_be_invoiced.txt";
    LastCall = "last_call", "notices/en/last_call.txt";
    DecisionOverdue = "decision_overdue", "notices/en/decision_overdue.txt";
    Invoiced = "invoiced", "notices/en/invoiced.txt";
    ThankYou = "thank_you", "notices/en/thank_you.txt";
    NoticeConfirmed = "notice_confirmed", "notices/en/notice_confirmed.txt";
    NoticeWithdrawn = "notice_withdrawn", "notices/en/notice_withdrawn.txt";
    UsedAfterEnd = "used_after_end", "notices/en/used_after_end.txt";
    UseInvoiced = "use_invoiced", "notices/en/use_invoiced.txt";
    PartnerChanged = "partner_changed", "notices/en/partner_changed.txt";
    VantageQuarantined = "vantage_quarantined", "notices/en/vantage_quarantined.txt";
}
