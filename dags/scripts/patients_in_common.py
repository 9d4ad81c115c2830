"""A fate-client script, as data scientists write them: it knows nothing of Airflow."""

import sys

from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import PSI, Reader

namespace, day = sys.argv[1:]

pipeline = FateFlowPipeline().set_parties(guest="9999", host="10000")
reader = Reader("reader_0")
reader.guest.task_parameters(namespace=namespace, name=f"clinic_{day}")
reader.hosts[0].task_parameters(namespace=namespace, name=f"laboratory_{day}")
psi = PSI("psi_0", input_data=reader.outputs["output_data"])
pipeline.add_tasks([reader, psi])
pipeline.conf.set("task", {"engine_run": {"cores": 1}})

pipeline.compile()
pipeline.fit()
print(pipeline.get_task_info("psi_0").get_output_metric())
