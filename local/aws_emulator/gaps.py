"""All gaps, closed in one call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from aws_emulator import (
    api_gateway,
    cloudformation,
    dynamodb,
    event_bus,
    functions,
    identity,
    log_events,
    scheduler,
    security_token,
    simple_notification,
    simple_queue,
    step_functions,
    storage,
    transport,
)
from aws_emulator.patching import require_ministack_version


def close_gaps(function_python: str, smtp_port: int, leave_open: Collection[str] = ()) -> None:
    """Closes each gap except those named, which stay as ministack has them.

    function_python: the interpreter of the functions. smtp_port: the loopback port that takes e-mail; 0: none is sent.
    Raises UnexpectedSourceError when ministack is not the one expected, and ValueError for an unknown name.
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
        cloudformation.roles_get_their_permissions_boundary,
        api_gateway.changed_definition_keeps_the_api,
        dynamodb.tables_get_their_time_to_live,
        functions.handler_exceptions_keep_their_type,
        functions.dead_process_is_an_exit_error,
        functions.concurrent_invocations_share_few_processes,
        functions.logs_end_with_their_invocation,
        functions.deleted_log_groups_are_not_made_anew,
        functions.functions_see_their_own_environment,
        step_functions.execution_names_are_checked,
        step_functions.starting_a_running_execution_again_succeeds,
        step_functions.executions_act_with_their_role,
        step_functions.retry_delays_have_a_maximum_and_jitter,
        step_functions.large_payloads_fail,
        step_functions.ended_executions_stay_ended,
        step_functions.executions_time_out,
        simple_queue.dead_letters_can_be_moved,
        event_bus.events_are_checked,
        event_bus.rules_need_permission_of_their_targets,
        event_bus.buses_with_rules_are_not_deleted,
        log_events.log_events_have_ids,
        scheduler.schedules_fire_when_due,
        scheduler.schedule_policies_see_the_group,
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
