"""Step Functions."""

from __future__ import annotations

import contextvars
import hashlib
import json
import random
import re
import threading
import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, _gather_role_policies
from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import cloudwatch_logs, lambda_svc, stepfunctions

from aws_emulator.patching import wrap

MAXIMUM_NAME_LENGTH = 80
MAXIMUM_PAYLOAD_BYTES = 256 * 1024
# Characters that a name must not contain (API reference, StartExecution).
FORBIDDEN_IN_NAMES = re.compile(
    r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]"""
)

# Of events of failures: log level FATAL has only those of executions, ERROR those of tasks too.
FAILURES = ("Failed", "TimedOut", "Aborted")
# What the log has only with includeExecutionData.
EXECUTION_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")


def execution_names_are_checked() -> None:
    """Step Functions rejects a name of more than 80 characters (ValidationException) or with characters such as spaces,
    brackets and colons (InvalidName); ministack accepts any name."""

    @wrap(stepfunctions, "_start_execution", "9923282fc76c")
    def start(original: Any, request: dict[str, Any]) -> Any:
        name = request.get("name", "")
        if len(name) > MAXIMUM_NAME_LENGTH:
            return error_response_json(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAXIMUM_NAME_LENGTH}",
                400,
            )
        if FORBIDDEN_IN_NAMES.search(name):
            return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
        return original(request)


def starting_a_running_execution_again_succeeds() -> None:
    """StartExecution with the name and input of a running execution returns that execution (standard workflows). With
    another input, or after it has ended, it fails with ExecutionAlreadyExists; ministack always fails."""

    @wrap(stepfunctions, "_start_execution", "9923282fc76c")
    def start(original: Any, request: dict[str, Any]) -> Any:
        machine = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", ""))
        for execution in list(stepfunctions._executions.values()):
            if (
                execution["stateMachineArn"] == machine
                and execution["name"] == request.get("name")
                and execution["status"] == "RUNNING"
                and execution["input"] == request.get("input", "{}")
            ):
                return json_response({"executionArn": execution["executionArn"], "startDate": execution["startDate"]})
        return original(request)


def executions_act_with_their_role() -> None:
    """A task can invoke a function only if the state machine's role allows lambda:InvokeFunction, otherwise it fails
    with Lambda.AWSLambdaException; ministack does not check the role."""
    role: contextvars.ContextVar[str] = contextvars.ContextVar("role")

    @wrap(stepfunctions, "_run_execution", "996dff84e0e0")
    def run(original: Any, execution_arn: str) -> None:
        execution = stepfunctions._executions[execution_arn]
        role.set(stepfunctions._state_machines[execution["stateMachineArn"]]["roleArn"])  # local to this thread
        original(execution_arn)

    @wrap(stepfunctions, "_call_lambda", "25830369b126")
    def call(original: Any, function: str, event: Any) -> Any:
        _record, config, _name = lambda_svc._get_func_record_for_ref(function)
        if config and (caller := role.get("")):
            _require_permission(caller, config["FunctionArn"])
        return original(function, event)


def _require_permission(role: str, function: str) -> None:
    account, region = role.split(":")[4], function.split(":")[3]
    action = "lambda:InvokeFunction"
    request = EvalContext(
        principal_arn=role,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=function,
        region=region,
    )
    policies = _gather_role_policies(role.rsplit("/", 1)[-1], account)
    if iam_evaluator.evaluate(request, policies).decision != "Allow":
        raise stepfunctions._ExecutionError(
            "Lambda.AWSLambdaException",
            f"User: {role} is not authorized to perform: {action} on resource: {function} because no identity-based "
            f"policy allows the {action} action",
        )


def retry_delays_have_a_maximum_and_jitter() -> None:
    """A retrier's MaxDelaySeconds limits its delay, and JitterStrategy FULL picks a random delay from 0 to that;
    ministack ignores both fields."""

    @wrap(stepfunctions, "_find_matching_retrier", "cb494ae8503c")
    def find(original: Any, retriers: list[dict[str, Any]], error: str, counts: dict[int, int]) -> Any:
        retrier, index = original(retriers, error, counts)
        if retrier is None:
            return retrier, index
        delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        delay = min(delay, retrier.get("MaxDelaySeconds", delay))
        if retrier.get("JitterStrategy") == "FULL":
            delay = random.uniform(0, delay)  # noqa: S311 - not for security
        return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


def large_payloads_fail() -> None:
    """An execution fails with States.DataLimitExceeded if a task's input, result or output exceeds 256 KiB, and a Retry
    or Catch of States.ALL does not match that; ministack accepts any size."""

    class PayloadTooLargeError(Exception):
        """Not ministack's own exception, so that no retrier or catcher matches it."""

    def require_size(payload: Any) -> None:
        if len(json.dumps(payload, ensure_ascii=False).encode()) > MAXIMUM_PAYLOAD_BYTES:
            raise PayloadTooLargeError

    @wrap(stepfunctions, "_invoke_resource", "a85d2be9a858")
    def invoke(original: Any, resource: str, task_input: Any) -> Any:
        require_size(task_input)
        result = original(resource, task_input)
        require_size(result)
        return result

    @wrap(stepfunctions, "_execute_task", "53c818d247db")
    def execute(original: Any, state: dict[str, Any], state_input: Any, execution: Any, context: Any) -> Any:
        try:
            output, following = original(state, state_input, execution, context)
            require_size(output)
        except PayloadTooLargeError:
            raise stepfunctions._ExecutionError(
                "States.DataLimitExceeded",
                f"The state/task '{state.get('Resource', '')}' returned a result with a size exceeding the maximum "
                "number of bytes service limit.",
            ) from None
        return output, following


def ended_executions_stay_ended() -> None:
    """A stopped execution stays ABORTED; ministack sets it to FAILED if the running task then fails, and sends another
    status event."""

    @wrap(stepfunctions, "_fail_execution", "e6da895fa0b7")
    def fail(original: Any, execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)


def failed_executions_have_no_output() -> None:
    """DescribeExecution returns an output only if the execution succeeded (API reference); ministack returns the error
    as the output of a failed one."""

    @wrap(stepfunctions, "_fail_execution", "e6da895fa0b7")
    def fail(original: Any, execution: dict[str, Any], error: str, cause: str) -> None:
        original(execution, error, cause)
        if execution["status"] == "FAILED":
            execution["output"] = None


def failures_are_logged() -> None:
    """A state machine writes the events of its executions to the log group of its logging configuration (Developer
    Guide, "Using CloudWatch Logs to log execution history"); ministack writes none. (Here, only the events of failures
    are written, also at level ALL.)"""

    @wrap(stepfunctions, "_add_event", "b1db143ccd21")
    def add(original: Any, execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        event = original(execution, event_type, details)
        if event_type.endswith(FAILURES):
            machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
            _log(execution, event, machine.get("loggingConfiguration") or {}, machine.get("name", ""))
        return event


def _log(execution: dict[str, Any], event: dict[str, Any], configured: dict[str, Any], machine: str) -> None:
    """`configured` is as CreateStateMachine takes it, or as a template has it, with capital letters."""
    level = configured.get("level", configured.get("Level", "OFF"))
    if level == "OFF" or (level == "FATAL" and not event["type"].startswith("Execution")):
        return
    with_data = configured.get("includeExecutionData", configured.get("IncludeExecutionData", False))
    details: dict[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    message = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details if with_data else {name: details[name] for name in details if name not in EXECUTION_DATA},
        "previous_event_id": str(event["id"] - 1),
        "event_timestamp": str(int(time.time() * 1000)),
        "execution_arn": execution["executionArn"],
        "redrive_count": str(execution.get("redriveCount", 0)),
    }
    number = hashlib.sha256(execution["executionArn"].encode()).hexdigest()[:8]
    for destination in configured.get("destinations", configured.get("Destinations", [])):
        group = destination.get("cloudWatchLogsLogGroup", destination.get("CloudWatchLogsLogGroup", {}))
        arn = group.get("logGroupArn", group.get("LogGroupArn", ""))
        name = arn.partition(":log-group:")[2].removesuffix(":*")
        stream = f"states/{machine}/{time.strftime('%Y-%m-%d-%H-%M', time.gmtime())}/{number}"
        cloudwatch_logs._create_log_stream({"logGroupName": name, "logStreamName": stream})
        line = {"timestamp": int(message["event_timestamp"]), "message": json.dumps(message)}
        cloudwatch_logs._put_log_events({"logGroupName": name, "logStreamName": stream, "logEvents": [line]})


def executions_time_out() -> None:
    """An execution that runs longer than its definition's TimeoutSeconds ends as TIMED_OUT and sends that status event;
    ministack ignores the field. The time-out is scaled like waits."""

    def time_out(execution: dict[str, Any]) -> None:
        if execution["status"] != "RUNNING":
            return
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = now_iso()
        stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        stepfunctions._emit_execution_status_event(execution)

    @wrap(stepfunctions, "_run_execution", "996dff84e0e0")
    def run(original: Any, execution_arn: str) -> None:
        execution = stepfunctions._executions[execution_arn]
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
        seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
        if seconds is None:
            original(execution_arn)
            return
        # A timer runs in its own thread, which does not inherit the account and region.
        timer = threading.Timer(
            seconds * stepfunctions._SFN_WAIT_SCALE, contextvars.copy_context().run, args=(time_out, execution)
        )
        timer.daemon = True
        timer.start()
        try:
            original(execution_arn)
        finally:
            timer.cancel()


def waits_for_tokens_have_a_time_out() -> None:
    """A task that waits for its token may have a JSONata expression as its TimeoutSeconds; ministack takes numbers
    only. The time-out is scaled like waits."""

    @wrap(stepfunctions, "_execute_task", "53c818d247db")
    def execute(original: Any, state: dict[str, Any], state_input: Any, execution: Any, context: Any) -> Any:
        if ".waitForTaskToken" not in state.get("Resource", "") or "TimeoutSeconds" not in state:
            return original(state, state_input, execution, context)
        seconds = state["TimeoutSeconds"]
        if isinstance(seconds, str):
            seconds = stepfunctions._jsonata_state_field(state, "TimeoutSeconds", "number", state_input, context)
        scaled = {**state, "TimeoutSeconds": seconds * stepfunctions._SFN_WAIT_SCALE}
        return original(scaled, state_input, execution, context)


def failed_functions_end_waits_for_tokens() -> None:
    """If a function fails that a task with a token invokes, the task fails with its error; ministack ignores the error
    and waits for the token."""

    @wrap(stepfunctions, "_call_lambda", "25830369b126")
    def call(original: Any, function: str, event: Any) -> Any:
        try:
            return original(function, event)
        except stepfunctions._ExecutionError as error:
            token = event.get("TaskToken") if isinstance(event, dict) else None
            if token in stepfunctions._task_tokens:
                stepfunctions._task_tokens[token]["error"] = {"Error": error.error, "Cause": error.cause}
                stepfunctions._task_tokens[token]["event"].set()
            raise
