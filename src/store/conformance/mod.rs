//! What every store must do, whatever database is below. Each test takes a [`Store`] behind its
//! trait and an empty database; `conformance!` runs all of them against one implementation.

pub(crate) mod acts;
pub(crate) mod board;
pub(crate) mod claims;
pub(crate) mod commits;
pub(crate) mod effects;
pub(crate) mod fixture;
pub(crate) mod history;
pub(crate) mod ledger;
pub(crate) mod links;
pub(crate) mod mail;
pub(crate) mod operation;
pub(crate) mod orders;
pub(crate) mod people;
pub(crate) mod places;
pub(crate) mod politeness;
pub(crate) mod reading;
pub(crate) mod vantages;

/// Makes one test a rule. `$open` is an async function that returns a guard and an `Arc<dyn Store>`
/// over an empty database.
macro_rules! conformance {
    ($open:path: $($area:ident :: $rule:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $rule() {
            let (_guard, store) = $open().await;
            crate::store::conformance::$area::$rule(store.as_ref()).await;
        }
    )+};
}
pub(crate) use conformance;

/// Every rule, against one implementation.
macro_rules! every_rule {
    ($open:path) => {
        crate::store::conformance::conformance! { $open:
            acts::acts_are_read_newest_first_in_pages,
            acts::acts_are_found_by_who_what_and_when,
            acts::acts_are_stored_all_or_none_and_stay,
            board::runs_under_way_come_by_how_long_they_have_stood,
            board::runs_are_found_by_phase_partner_and_name,
            board::nobody_counts_further_than_asked,
            board::customers_are_found_by_the_beginning_of_their_name,
            orders::an_order_brings_its_subjects,
            orders::a_repeated_request_gets_the_first_answer,
            orders::a_key_cannot_be_used_for_another_request,
            orders::a_partner_cannot_order_a_domain_twice,
            orders::a_domain_held_elsewhere_waits_and_is_handed_over,
            orders::a_domain_has_one_trial_in_a_while,
            orders::several_orders_are_stored_all_or_none,
            orders::a_taken_over_domain_waits_for_nobody,
            orders::a_further_domain_joins_a_customer,
            orders::another_partner_takes_a_customer_over,
            claims::one_claim_a_subject_in_due_order,
            claims::a_claim_whose_owner_died_comes_back_when_its_lease_ends,
            claims::an_abandoned_claim_comes_back_when_asked,
            claims::connected_domains_may_be_a_share_of_their_own,
            claims::a_parked_claim_is_shown_and_does_not_come_back,
            commits::an_outcome_is_stored_whole,
            commits::a_lost_fence_stores_nothing,
            commits::a_version_conflict_keeps_the_claim,
            commits::fences_never_restart,
            commits::work_under_way_keeps_its_lease_when_a_request_commits,
            commits::a_refused_outcome_does_not_hinder_others,
            commits::observations_are_intervals,
            commits::what_a_permit_names_is_archived,
            commits::what_is_due_already_stays_due_until_it_is_done,
            effects::a_dedupe_key_is_stored_once,
            effects::effects_of_one_subject_go_out_one_after_the_other,
            effects::an_old_fence_cannot_settle_an_effect,
            effects::a_fact_is_taken_in_once,
            effects::every_outcome_is_shown,
            effects::an_effect_is_sent_again_whatever_became_of_it,
            links::a_link_is_found_by_its_hash_until_it_ends,
            links::links_in_force_are_bounded,
            ledger::a_run_is_closed_with_what_is_told_of_it,
            ledger::entries_come_customer_by_customer,
            operation::parked_work_is_retried_once_with_who_asked,
            operation::work_of_a_dead_owner_says_so,
            operation::figures_tell_what_is_due,
            operation::a_heartbeat_is_written_again_and_again,
            people::an_address_has_one_account,
            people::a_link_is_used_once_whoever_comes_at_the_same_time,
            people::links_of_a_person_are_bounded_and_forgotten,
            people::a_disabled_account_is_out_at_once,
            people::sessions_are_listed_and_ended_by_their_holder_alone,
            people::wishes_for_links_are_bounded_and_forgotten,
            places::domains_are_counted_by_how_they_stand_towards_a_place,
            places::domains_are_listed_by_how_they_stand_towards_a_place,
            politeness::a_target_has_one_visitor_at_a_time,
            politeness::asked_by_many_at_once_one_gets_the_turn,
            politeness::looks_of_a_vantage_are_counted_for_a_day,
            politeness::overdue_looks_at_connected_domains_are_spread_out,
            politeness::an_allowance_is_shared_and_begins_anew,
            reading::listings_are_scoped_and_paged,
            reading::a_customer_goes_by_its_order_too,
            reading::a_stranger_sees_nothing,
            reading::a_stamp_changes_with_what_stands,
            reading::events_are_read_in_pages,
            reading::tokens_are_found_by_hash,
            ledger::entries_are_sealed_in_order,
            ledger::a_closed_run_stays_as_it_is,
            ledger::runs_are_closed_one_after_the_other,
            ledger::the_ledger_is_shown_as_it_stands,
            ledger::evidence_is_kept_by_its_hash,
            mail::a_mail_is_kept_once_and_its_copies_are_counted,
            mail::a_proposal_is_approved_once_with_its_entries,
            mail::a_mail_is_rejected_or_admitted_while_it_waits,
            mail::the_list_of_senders_is_what_was_said_last,
        }
    };
}
pub(crate) use every_rule;

/// The rules of agents and vantages, against one implementation.
macro_rules! every_vantage_rule {
    ($open:path) => {
        crate::store::conformance::conformance! { $open:
            vantages::the_newest_session_of_an_agent_has_the_word,
            vantages::a_task_is_handed_out_until_it_is_held,
            vantages::a_task_is_answered_once,
            vantages::tasks_of_an_agent_are_bounded_and_forgotten,
            vantages::an_agent_confirms_its_routes,
            vantages::a_host_set_up_anew_gets_every_route,
            vantages::looks_of_a_vantage_are_counted_by_customer,
            vantages::a_quarantine_begins_and_ends_once,
        }
    };
}
pub(crate) use every_vantage_rule;
