"""Make the reference predict DAGs in `predict/` with the real fate-client: what `deploy()` and `predict()` post.

`test_predict_against_fate_client.py` compares what is derived here from the training DAGs of `make_reference.py`. Made
once, like those, with the same environment:

    /tmp/fc/bin/python tests/unit/jobs/reference/make_predict_reference.py
"""

import json

import make_reference as training
from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import CoordinatedLinR, CoordinatedLR
from fate_client.pipeline.entity.model_info import FateFlowModelInfo

DEPLOYED = {
    "sbt_plain": ["psi_0", "sbt_0"],
    "sbt_validate": ["psi_0", "sbt_0"],
    "sshe_lr_prepared": ["psi_0", "selection_0", "scale_0", "lr_0"],
    "sshe_linr": ["psi_0", "linr_0"],
    "coordinated_lr": ["psi_0", "lr_0"],
    "coordinated_linr": ["psi_0", "linr_0"],
    "homo_lr": ["lr_0"],
    "homo_nn": ["nn_0"],
    "hetero_nn": ["psi_0", "nn_0"],
}
"""Tasks that somebody who scores with the job would name."""


def dump(name, pipeline):
    if name not in DEPLOYED:
        return
    pipeline.compile()
    pipeline._model_info = FateFlowModelInfo(
        job_id="1", local_role="guest", local_party_id=training.GUEST, model_id="1", model_version="0"
    )
    tasks = DEPLOYED[name]
    pipeline.deploy([pipeline[task] for task in tasks])
    deployed = pipeline.get_deployed_pipeline()
    reader = training.reader("reader_0", "guest_new", "host_new")
    first = deployed[tasks[0]]
    if tasks[0] == "psi_0":
        first.input_data = reader.outputs["output_data"]
    else:
        first.test_data = reader.outputs["output_data"]
    predict = FateFlowPipeline()
    predict.add_tasks([reader, deployed])
    predict.compile()
    spec = predict._dag.dag_spec.dict(exclude_defaults=True)
    (training.HERE / "predict" / f"{name}.json").write_text(json.dumps(spec, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    training.dump = dump
    training.sbt_plain()
    training.sbt_validate()
    training.lr_prepared()
    training.sshe_linr()
    training.coordinated(CoordinatedLR, "lr_0", "coordinated_lr", "binary")
    training.coordinated(CoordinatedLinR, "linr_0", "coordinated_linr", "regression")
    training.homo_lr()
    training.homo_nn()
    training.hetero_nn()
