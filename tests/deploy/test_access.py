"""The policies of access.yaml allow what deploy.sh calls and what CloudFormation makes, and fit into their limit."""

import fnmatch
import json
import pathlib
import re
import unittest

import cfnlint
import yaml
from templates import ROOT, leaves, template

# A managed policy has at most so many characters, without blanks.
MOST = 6144
ACCESS = template("access.yaml")["Resources"]
POLICIES = {name: ACCESS[name]["Properties"]["PolicyDocument"] for name in ("StackPolicy", "OperatePolicy")}
PATTERNS = [
    action
    for policy in POLICIES.values()
    for statement in policy["Statement"]
    for action in leaves(statement["If"][1]["Action"] if "If" in statement else statement["Action"])
]

# Commands of the CLI that are not the name of their one action.
COMMANDS = {
    "cloudformation deploy": [
        *("cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet"),
        *("cloudformation:DescribeStacks", "cloudformation:GetTemplateSummary"),
    ],
    "cloudformation wait": ["cloudformation:DescribeStacks"],
    "apigateway get-api-key": ["apigateway:GET"],
    "s3 sync": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
    "s3 rb": ["s3:ListBucket", "s3:DeleteObject", "s3:DeleteBucket"],
    "s3api list-buckets": ["s3:ListAllMyBuckets"],
    "ecr get-login-password": ["ecr:GetAuthorizationToken"],
    # Needs no permission; the configuration is a file.
    "sts get-caller-identity": [],
    "configure get": [],
    "lambda invoke": ["lambda:InvokeFunction"],
}
# What CloudFormation may call for resources of these types, but not for those of this stack: other encryption than AWS's own,
# code signing, file systems, deployments by CodeDeploy, and so on.
UNUSED = re.compile(
    r"(kms|codedeploy|s3tables|s3files|elasticfilesystem|firehose):|S3:GetBucketWebsite|s3:REST|s3:GetObjectVersion|.*("
    r"CodeSigning|RecursionConfig|ScalingConfig|CapacityProvider|RuntimeManagement|NetworkInterfaces|KmsKey|LogDelivery|"
    r"PermissionsBoundary|(At|De)tachRolePolicy|RestApiPolicy|IndexPolicy|BearerToken|DeletionProtection|"
    r"(Put|Delete)ResourcePolicy|(Put|Delete)DataProtectionPolicy|Metadata.*Table|Abac|Acl|Website|Replication|"
    r"(Put|Delete)[A-Za-z]*(Accelerate|Analytics|Inventory|IntelligentTiering|Metrics|ObjectLock|Logging|Versioning)"
    r"[A-Za-z]*|DeleteBucket(Cors|Encryption|Lifecycle))"
)


def handlers() -> dict[str, set[str]]:
    """What CloudFormation calls to make, read, change and delete a resource, by its type: as its registry says, which cfn-lint
    brings."""
    found = {}
    for file in (pathlib.Path(cfnlint.__file__).parent / "data/schemas/resources").glob("*.json"):
        schema = json.loads(file.read_text())
        kinds = {kind: handler for kind, handler in schema.get("handlers", {}).items() if kind != "list"}
        found[schema["typeName"]] = {name for handler in kinds.values() for name in handler.get("permissions", [])}
    return found


def allowed(action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in PATTERNS)


def calls() -> set[str]:
    """The commands of the CLI in deploy.sh and its library."""
    found: set[str] = set()
    for file in [ROOT / "deploy/deploy.sh", *(ROOT / "deploy/lib").glob("*.sh")]:
        code = re.sub(r"^\s*#.*", "", file.read_text(), flags=re.MULTILINE)
        found |= {" ".join(match) for match in re.findall(r"\baws ([a-z0-9]+) ([a-z-]+)", code)}
    # Words of messages.
    return found - {"curl python", "sso login"}


def actions(command: str) -> list[str]:
    if command in COMMANDS:
        return COMMANDS[command]
    service, _, name = command.partition(" ")
    return [f"{service.removesuffix('api')}:{''.join(word.capitalize() for word in name.split('-'))}"]


class Access(unittest.TestCase):
    def test_what_the_script_calls(self) -> None:
        found = calls()
        self.assertGreater(len(found), 20)
        missing = {action for command in found for action in actions(command) if not allowed(action)}
        self.assertEqual(missing, set())

    def test_what_the_stack_is_made_of(self) -> None:
        types = {resource["Type"] for resource in template("stack.yaml")["Resources"].values()}
        called = handlers()
        self.assertTrue(all(called[name] for name in types))
        for name in types:
            missing = {action for action in called[name] if not allowed(action) and not UNUSED.match(action)}
            self.assertEqual(missing, set(), name)

    def test_nothing_is_allowed_everywhere_that_knows_resources(self) -> None:
        for name, policy in POLICIES.items():
            for statement in policy["Statement"]:
                statement = statement["If"][1] if "If" in statement else statement
                everything = [action for action in leaves(statement["Action"]) if re.search(r":(\*|(Create|Put|Delete)\*)", action)]
                self.assertEqual(everything, [], name)
                if statement["Resource"] == "*" and "Condition" not in statement:
                    writes = [a for a in leaves(statement["Action"]) if not re.search(r":(Get|List|Describe|Validate|Lookup)", a)]
                    self.assertEqual(writes, [], name)

    def test_the_policies_fit(self) -> None:
        for name, policy in POLICIES.items():
            # Names of resources in their longest form.
            text = re.sub(r"\$\{[A-Za-z:]+\}", "x" * 20, json.dumps(policy, separators=(",", ":")))
            self.assertLess(len(text), MOST, name)

    def test_only_the_named_environment_of_the_repository_may_take_the_role(self) -> None:
        (statement,) = ACCESS["GitHubRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(
            statement["Condition"],
            {
                "StringEquals": {
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                    "token.actions.githubusercontent.com:sub": {
                        "Sub": "repo:${GitHubRepository}:environment:${GitHubEnvironment}"
                    },
                }
            },
        )

    def test_the_workflow_runs_where_the_role_may_be_taken(self) -> None:
        workflow = yaml.safe_load((ROOT / "deploy/github/deploy.yml").read_text())
        self.assertEqual(workflow["permissions"], {"contents": "read", "id-token": "write"})
        (job,) = workflow["jobs"].values()
        parameters = template("access.yaml")["Parameters"]
        self.assertEqual(job["environment"], parameters["GitHubEnvironment"]["Default"])
        steps = job["steps"]
        roles = [step["with"]["role-to-assume"] for step in steps if "configure-aws-credentials" in step.get("uses", "")]
        # No key of AWS, and no other secret.
        self.assertEqual((roles, "secrets." in json.dumps(workflow)), (["${{ vars.AWS_ROLE }}"], False))
        # It deploys, tries what was deployed, and goes back if that fails.
        commands = [step["run"] for step in steps if "run" in step]
        self.assertEqual([command.split()[-1] for command in commands], ["huggingface", "test", "rollback"])
        tried = next(step["id"] for step in steps if step.get("run", "").endswith(" test"))
        (back,) = [step for step in steps if step.get("run", "").endswith(" rollback")]
        self.assertIn(f"steps.{tried}.outcome == 'failure'", back["if"])

    def test_a_map_that_failed_can_go_on(self) -> None:
        # A distributed map starts, stops and redrives executions of its own machine, as itself.
        role = template("stack.yaml")["Resources"]["MapRole"]["Properties"]
        statements = role["Policies"][0]["PolicyDocument"]["Statement"]
        own = [leaves(s["Action"]) for s in statements if ":execution:${AWS::StackName}" in json.dumps(s["Resource"])]
        self.assertEqual(own, [["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"]])
        self.assertTrue(allowed("states:RedriveExecution"))


if __name__ == "__main__":
    unittest.main()
