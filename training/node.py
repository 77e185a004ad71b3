"""Which node of which Batch job this is, from the variables that AWS Batch sets; one node of no job without them."""

import time
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    index: int = 0
    main_index: int = 0
    count: int = 1
    main_address: str = "127.0.0.1"
    job: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 1
    began: float = field(default_factory=time.time)

    @classmethod
    def of_environment(cls, environment):
        known = {
            "index": int(environment.get("AWS_BATCH_JOB_NODE_INDEX", 0)),
            "main_index": int(environment.get("AWS_BATCH_JOB_MAIN_NODE_INDEX", 0)),
            "count": int(environment.get("AWS_BATCH_JOB_NUM_NODES", 1)),
            # Not set on the main node, which reaches itself.
            "main_address": environment.get("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", "127.0.0.1"),
            "attempt": int(environment.get("AWS_BATCH_JOB_ATTEMPT", 1)),
        }
        if "AWS_BATCH_JOB_ID" in environment:
            # A node's own id is that of the job with #index behind it.
            known["job"] = environment["AWS_BATCH_JOB_ID"].split("#")[0]
        return cls(**known)

    @property
    def is_main(self):
        return self.index == self.main_index

    @property
    def attempt_name(self):
        """The same on all nodes of an attempt, and another for every other attempt."""
        return f"{self.job[:8]}-{self.attempt}"

    @property
    def identity(self):
        return {"job": self.job, "attempt": self.attempt, "began": self.began}

    def torchrun(self, processes: int, port: int):
        """Arguments of torchrun on this node. Its ranks count from the main node, which hands out the address."""
        if self.count == 1:
            # A port that is free: other trainings may share the machine.
            return ["--standalone", f"--nproc-per-node={processes}"]
        rank = (self.index - self.main_index) % self.count
        return [
            f"--nnodes={self.count}", f"--node-rank={rank}", f"--nproc-per-node={processes}",
            f"--master-addr={self.main_address}", f"--master-port={port}",
        ]  # fmt: skip
