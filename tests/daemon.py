"""`forescale run` as a process of its own, against a local AWS in the test's process, in real time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress

from forescale.demo.local_aws import LocalAws
from forescale.runtime.clock import SystemClock

PATIENCE = 60.0  # for a machine that is busy with other tests
PROGRAM = [sys.executable, "-c", "from forescale.cli import main; main()"]
CPU = "AWS/EC2 CPUUtilization"

# All that is measured in minutes elsewhere, in seconds.
CONFIG = """\
aws: {{region: {region}, endpoint_url: "{url}"}}
dry_run: {dry_run}
interval: 1s
store: "{store}"
log: {{format: json, level: debug}}
health: {{port: 0}}
defaults:
  signals:
    cpu: {{type: cloudwatch, period: 1s, max_age: 5s, revisit: 5s}}
  policies:
    - {{type: target_tracking, target: 50%, out_after: 2s, in_after: 3s}}
  guards:
    min: 1
    max: 20
    cooldown: {{out: {cooldown}, in: 2s}}
    stabilisation: {{in: 2s}}
targets:
"""


def write_config(path, aws, store, targets, *, dry_run="false", cooldown="2s"):
    """A configuration in which everything is quick: `{target: group}`."""
    text = CONFIG.format(region=aws.region, url=aws.url, store=store, dry_run=dry_run, cooldown=cooldown)
    path.write_text(text + "".join(f"  {name}: {{group: {group}}}\n" for name, group in targets.items()))
    return path


def environment(**more):
    """Credentials that the local AWS takes, and none of this machine's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FORESCALE_"))}
    return kept | {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"} | more


def cli(*args, env=None):
    """A command, run to its end: exit code, standard output, standard error."""
    done = subprocess.run(
        [*PROGRAM, *map(str, args)],
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, done.stderr


def wait_for(condition, what="", patience=PATIENCE):
    """The first true answer."""
    end = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < end, f"waited in vain for {what or condition}"
        time.sleep(0.02)
    return answer


class Daemon:
    """A running `forescale run`."""

    def __init__(self, config, log, *args, env=None):
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*PROGRAM, "run", str(config), *args], env=env or environment(), stdout=output, stderr=output
            )

    def lines(self, **wanted):
        """What it has logged so far, as dictionaries."""
        found = []
        for line in self.log.read_text().splitlines():
            with suppress(ValueError):  # the last one may be half written
                found.append(json.loads(line))
        return [line for line in found if wanted.items() <= line.items()]

    def told(self, event, **wanted):
        """Wait for a line of the log."""

        def look():
            assert self.process.poll() is None, self.log.read_text()
            return self.lines(event=event, **wanted)

        return wait_for(look, f"{event!r} in the log")[0]

    def ask(self, path):
        """`/health` or `/ready`: status and what is wrong."""
        url = self.told("forescale runs, and acts")["health"].removesuffix("/health")
        try:
            with urllib.request.urlopen(url + path, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)["problems"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["problems"]

    def ready(self):
        """Wait until every target is looked after."""
        wait_for(lambda: self.ask("/ready")[0] == 200, "/ready")

    def stop(self, number=signal.SIGTERM):
        """Ask it to stop. The exit code, and how long that took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE), time.monotonic() - begun

    def kill(self):
        self.process.kill()
        self.process.wait()


class Load:
    """Publishes the utilisation of a group four times a second, as what serves would have it."""

    def __init__(self, aws, group, instances):
        self.aws, self.group, self.instances = aws, group, instances
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def _publish(self):
        while not self._stop.wait(0.25):
            serving = self.serving()
            if serving and self.instances is not None:
                used = min(100 * self.instances / serving, 400.0)
                self.aws.put_metric(CPU, used, dimensions={"AutoScalingGroupName": self.group})

    def serving(self):
        with self.aws._lock:
            self.aws.groups.advance()
            states = self.aws.groups.group(self.aws.region, self.group).instance_states
            return sum(state.lifecycle_state == "InService" for state in states)

    def stop(self):
        self._stop.set()
        self._thread.join()


@contextmanager
def world(path):
    """A local AWS in real time, and whatever is started in it stopped in the end."""
    with LocalAws(SystemClock(), boot_delay=1.0) as aws:
        stage = Stage(aws, path)
        try:
            yield stage
        finally:
            stage.end()


class Stage:
    """A local AWS, the loads on it and the processes beside it."""

    def __init__(self, aws, path):
        self.aws, self.path, self.store = aws, path, f"sqlite:///{path / 'ledger.db'}"
        self.daemons, self.loads = [], []

    def group(self, name="web", *, desired=2, load=1.0):
        """A group under a load, in instances."""
        self.aws.create_group(name, minimum=1, maximum=20, desired=desired)
        self.loads.append(Load(self.aws, name, load))
        return self.loads[-1]

    def config(self, targets=None, name="forescale.yaml", **options):
        return write_config(
            self.path / name, self.aws, options.pop("store", self.store), targets or {"web": "web"}, **options
        )

    def start(self, config, *args, **options):
        log = self.path / f"log-{len(self.daemons)}.jsonl"
        self.daemons.append(Daemon(config, log, *args, **options))
        return self.daemons[-1]

    def wanted(self, group="web"):
        """The capacities asked for, in order."""
        return [
            request.parameters["DesiredCapacity"]
            for request in self.aws.calls("SetDesiredCapacity")
            if request.parameters["AutoScalingGroupName"] == group
        ]

    def end(self):
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.kill()
        for load in self.loads:
            load.stop()
