"""The alarms of stack.yaml on a day of normal use, on which none may fire, and on bad days, on which the right one must."""

import re
import unittest
from collections import defaultdict
from typing import Any

from templates import ROOT, template

DAY = 24 * 60
# Metrics of a day by namespace, name and resource: for each minute the values that were published.
Day = dict[tuple[str, str, str], dict[int, list[float]]]

STACK = template("stack.yaml")
PARAMETERS = {name: given.get("Default") for name, given in STACK["Parameters"].items()}
ALARMS = {name: r["Properties"] for name, r in STACK["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
STATISTICS = {"Sum": sum, "Maximum": max, "Minimum": min, "Average": lambda values: sum(values) / len(values)}


def plain(value: Any) -> Any:
    """A value of the template for the default parameters, with ResponseMode buffered."""
    if isinstance(value, dict) and "If" in value:
        return plain(value["If"][2])
    return value


def resource(dimensions: list[dict[str, Any]]) -> str:
    """The logical name of the resource that a metric is about: Function, Queue, Map, Api."""
    if dimensions[0]["Name"] == "ApiName":
        return "Api"
    found = dimensions[0]["Value"]
    return str(found.get("Ref") or found["GetAtt"].split(".")[0])


def series(day: Day, metric: dict[str, Any], statistic: str, period: int) -> dict[int, float]:
    """Values by the number of their period; nothing where nothing was published."""
    key = (metric["Namespace"], metric["MetricName"], resource(metric["Dimensions"]))
    values = defaultdict(list)
    for minute, published in day.get(key, {}).items():
        values[minute * 60 // period] += published
    return {number: STATISTICS[statistic](published) for number, published in values.items()}


def expression(text: str) -> str:
    """An expression of metric math as one of Python."""
    text = re.sub(r"\$\{(\w+)\}", lambda match: str(PARAMETERS[match[1]]), text)
    return text.replace(" AND ", " and ").replace("IF(", "if_(").replace("FILL(", "fill(")


def points(day: Day, alarm: dict[str, Any]) -> tuple[dict[int, float], int]:
    """What an alarm compares with its threshold, by period; and the length of a period."""
    if "Metrics" not in alarm:
        return series(day, alarm, alarm["Statistic"], alarm["Period"]), alarm["Period"]
    inputs, text, period = {}, "", 0
    for part in alarm["Metrics"]:
        if "Expression" in part:
            text = part["Expression"]
            text = expression(text["Sub"] if isinstance(text, dict) else text)
        else:
            stat = part["MetricStat"]
            period = stat["Period"]
            inputs[part["Id"]] = series(day, stat["Metric"], stat["Stat"], period)
    numbers = {number for values in inputs.values() for number in values}
    found = {}
    for number in numbers:
        names: dict[str, Any] = {name: values.get(number) for name, values in inputs.items()}
        names["if_"] = lambda condition, yes, no: yes if condition else no
        names["fill"] = lambda value, other: other if value is None else value
        # Without a value for one of the metrics there is none for the expression.
        needed = [name for name in inputs if f"fill({name}" not in text]
        if all(names[name] is not None for name in needed):
            found[number] = float(eval(text, {"__builtins__": {}}, names))
    return found, period


def fires(day: Day, name: str) -> bool:
    alarm = ALARMS[name]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold" and alarm["TreatMissingData"] == "notBreaching"
    values, period = points(day, alarm)
    over = [values.get(number, float("-inf")) > plain(alarm["Threshold"]) for number in range(DAY * 60 // period)]
    periods = alarm["EvaluationPeriods"]
    return any(all(over[first : first + periods]) for first in range(len(over) - periods + 1))


def put(day: Day, metric: str, minute: int, *values: float) -> None:
    """Publishes values of a metric, named as "namespace metric resource"."""
    namespace, name, of = metric.split(" ")
    day.setdefault((namespace, name, of), {}).setdefault(minute, []).extend(values)


def normal_day() -> Day:
    """One day as the service is made for."""
    day: Day = {}
    for minute in range(DAY):
        # Requests for short clips all day; at noon some for a minute of speech, with a cold start of ten seconds.
        put(day, "AWS/Lambda Duration Function", minute, *([18_000] if minute % 97 == 0 else [1900, 2600, 4400]))
        put(day, "AWS/Lambda Errors Function", minute, 0)
        put(day, "AWS/Lambda Throttles Function", minute, 0)
    # Three clients that meet a cold start get 504 from the gateway.
    put(day, "AWS/ApiGateway 5XXError Api", 360, 1, 1, 1)
    # At night a hundred recordings of a quarter of an hour: full batches, two at a time, 11 minutes of work each.
    for batch in range(20):
        ends = 60 + 11 * (1 + batch // 2)
        put(day, "AWS/Lambda Duration BatchFunction", ends, 660_000)
        put(day, "AWS/SQS NumberOfMessagesDeleted Queue", ends, 5)
    for minute in range(60, 60 + 11 * 10):
        put(day, "AWS/SQS ApproximateNumberOfMessagesVisible Queue", minute, max(1, 100 - 10 * ((minute - 60) // 11 + 1)))
    # One that comes at the end of a half-hour, and whose batch ends in the next.
    for minute in (628, 629, 630):
        put(day, "AWS/SQS ApproximateNumberOfMessagesVisible Queue", minute, 1)
    put(day, "AWS/SQS NumberOfMessagesDeleted Queue", 645, 1)
    # One whose first attempt meets a fault of S3: it waits, invisibly, for its visibility timeout, and succeeds.
    retried = 800 + PARAMETERS["QueueVisibilityTimeout"] // 60
    for minute in range(800, retried):
        put(day, "AWS/SQS ApproximateAgeOfOldestMessage Queue", minute, (minute - 800) * 60)
        put(day, "AWS/SQS ApproximateNumberOfMessagesVisible Queue", minute, 0)
    put(day, "AWS/SQS NumberOfMessagesDeleted Queue", retried + 1, 1)
    # Three uploads that are no recordings.
    put(day, "IndicSeamless FailedRecordings BatchFunction", 900, 1, 1, 1)
    # The dead letters are empty, and a map ends well.
    for minute in range(0, DAY, 5):
        put(day, "AWS/SQS ApproximateNumberOfMessagesVisible DeadLetters", minute, 0)
    put(day, "AWS/States ExecutionsFailed Map", 1000, 0)
    return day


def bad_day(metric: str, minutes: range, *values: float) -> Day:
    """A normal day on which a metric has these values instead."""
    day = normal_day()
    namespace, name, of = metric.split(" ")
    for minute in minutes:
        day.setdefault((namespace, name, of), {})[minute] = list(values)
    return day


class Alarms(unittest.TestCase):
    def test_none_fires_on_a_normal_day(self) -> None:
        day = normal_day()
        self.assertEqual([name for name in ALARMS if fires(day, name)], [])

    def test_each_fires_on_its_bad_day(self) -> None:
        stuck = bad_day("AWS/SQS ApproximateNumberOfMessagesVisible Queue", range(1200, 1320), 3)
        days = {
            "ErrorsAlarm": bad_day("AWS/Lambda Errors Function", range(500, 510), 1),
            "DurationAlarm": bad_day("AWS/Lambda Duration Function", range(500, 520), 28_000),
            "ThrottlesAlarm": bad_day("AWS/Lambda Throttles Function", range(500, 501), 1),
            "ApiErrorsAlarm": bad_day("AWS/ApiGateway 5XXError Api", range(500, 505), 2),
            "BatchDurationAlarm": bad_day("AWS/Lambda Duration BatchFunction", range(500, 501), 897_000),
            "StuckAlarm": stuck,
            "DeadLettersAlarm": bad_day("AWS/SQS ApproximateNumberOfMessagesVisible DeadLetters", range(500, 501), 1),
            "FailedRecordingsAlarm": bad_day("IndicSeamless FailedRecordings BatchFunction", range(485, 505), 1),
            "MapFailedAlarm": bad_day("AWS/States ExecutionsFailed Map", range(500, 501), 1),
        }
        self.assertEqual(set(days), set(ALARMS))
        for name, day in days.items():
            self.assertEqual([other for other in ALARMS if fires(day, other)], [name])

    def test_every_metric_that_is_watched_is_published(self) -> None:
        # By AWS, or by the program.
        code = (ROOT / "indic-seamless-lambda/src/cloudwatch.rs").read_text()
        self.assertIn('"FailedRecordings"', code)
        self.assertIn('"Namespace": "IndicSeamless"', code)


if __name__ == "__main__":
    unittest.main()
