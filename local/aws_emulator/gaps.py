"""The list of all gaps, and one function to close them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from aws_emulator import (
    alarms,
    api_gateway,
    cloudformation,
    dynamodb,
    event_bus,
    functions,
    identity,
    key_management,
    log_events,
    scheduler,
    secrets_manager,
    security_token,
    simple_notification,
    simple_queue,
    step_functions,
    storage,
    transport,
)
from aws_emulator.patching import require_ministack_version


def close_gaps(function_python: str, smtp_port: int, leave_open: Collection[str] = ()) -> None:
    """Closes all gaps except those in `leave_open`.

    function_python: the interpreter of the functions. smtp_port: the localhost port that receives e-mail; 0 sends none.
    Raises UnexpectedSourceError for an unexpected version of ministack, and ValueError for an unknown name.
    """
    require_ministack_version()
    gaps = _gaps(function_python, smtp_port)
    if unknown := set(leave_open) - set(gaps):
        raise ValueError(f"unknown gaps: {', '.join(sorted(unknown))}")
    for name, close in gaps.items():
        if name not in leave_open:
            close()


def _gaps(function_python: str, smtp_port: int) -> dict[str, Callable[[], None]]:
    plain: tuple[Callable[[], None], ...] = (
        transport.loopback_counts_as_tls,
        cloudformation.templates_are_read_by_libyaml,
        cloudformation.template_urls_may_name_the_bucket_in_the_host,
        cloudformation.child_templates_are_transformed,
        cloudformation.unchanged_resources_of_children_keep_their_attributes,
        cloudformation.generated_names_do_not_depend_on_earlier_resources,
        cloudformation.failed_child_leaves_nothing_behind,
        cloudformation.children_are_deleted_as_their_templates_say,
        cloudformation.deleted_resources_are_listed,
        cloudformation.nested_stacks_name_their_root,
        cloudformation.full_buckets_are_not_deleted,
        cloudformation.missing_code_fails_the_stack,
        cloudformation.functions_get_their_dead_letter_queue,
        cloudformation.roles_get_their_permissions_boundary,
        api_gateway.changed_definition_keeps_the_api,
        # The last one runs first: the method, then the signature, then the caller's policies.
        api_gateway.denials_have_a_capital_message,
        api_gateway.signatures_are_for_this_service,
        api_gateway.unknown_methods_lack_a_token,
        api_gateway.large_bodies_are_refused,
        api_gateway.paths_stay_encoded,
        api_gateway.failed_functions_are_internal_server_errors,
        api_gateway.requests_are_logged_and_counted,
        dynamodb.tables_get_their_time_to_live,
        dynamodb.queries_of_a_partition_are_fast,
        dynamodb.large_indexes_are_read_in_order,
        dynamodb.large_tables_are_scanned_in_order,
        functions.handler_exceptions_keep_their_type,
        functions.dead_process_is_an_exit_error,
        functions.a_process_that_dies_ends_no_other,
        functions.concurrent_invocations_share_few_processes,
        functions.logs_end_with_their_invocation,
        functions.layers_are_unpacked_once,
        functions.deleted_log_groups_are_not_recreated,
        functions.functions_see_their_own_environment,
        functions.dead_letters_are_the_events,
        step_functions.execution_names_are_checked,
        step_functions.starting_a_running_execution_again_succeeds,
        step_functions.executions_act_with_their_role,
        step_functions.retry_delays_have_a_maximum_and_jitter,
        step_functions.large_payloads_fail,
        step_functions.failed_executions_have_no_output,
        step_functions.ended_executions_stay_ended,
        step_functions.executions_time_out,
        step_functions.failures_are_logged,
        step_functions.waits_for_tokens_have_a_time_out,
        step_functions.failed_functions_end_waits_for_tokens,
        simple_queue.attributes_count_towards_the_size,
        alarms.alarms_are_evaluated,
        alarms.sent_messages_are_counted,
        simple_queue.dead_letters_can_be_moved,
        simple_queue.policies_see_the_queue_of_a_move,
        simple_queue.batches_need_the_permission_for_one_message,
        event_bus.events_are_checked,
        event_bus.rules_need_permission_of_their_targets,
        event_bus.failed_functions_are_invoked_again,
        event_bus.partner_events_reach_their_bus,
        event_bus.buses_with_rules_are_not_deleted,
        key_management.conditions_see_the_encryption_context,
        log_events.log_events_have_ids,
        scheduler.schedules_fire_when_due,
        scheduler.schedule_policies_see_the_group,
        secrets_manager.secret_versions_are_written_once,
        secrets_manager.empty_secrets_have_no_version,
        security_token.sessions_last_no_longer_than_allowed,
        identity.simulations_see_their_context,
        security_token.conditions_see_the_role_of_a_session,
        storage.missing_objects_need_permission_to_list,
        storage.parts_have_a_minimum_size,
    )
    own_interpreter = functions.functions_run_on_an_interpreter_of_their_own
    mailboxes = (
        simple_notification.notifications_reach_mailboxes,
        simple_notification.email_subscriptions_wait_for_confirmation,
    )
    gaps = {close.__name__: close for close in plain}
    if function_python:
        gaps[own_interpreter.__name__] = partial(own_interpreter, function_python)
    if smtp_port:
        gaps |= {close.__name__: partial(close, smtp_port) for close in mailboxes}
    return gaps
