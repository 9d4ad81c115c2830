"""Make the reference DAGs beside this file with the real fate-client.

The recipes claim to post what a data scientist's own fate-client script would post. These files are what fate-client
2.2.0 compiled for the same jobs; `test_recipes_against_fate_client.py` compares. They are data, made once:

    python -m venv /tmp/fc && /tmp/fc/bin/pip install fate_client==2.2.0 "pydantic<2" "ruamel.yaml<0.18"
    /tmp/fc/bin/python tests/unit/jobs/reference/make_reference.py

The complete fate-client (with torch, transformers, accelerate) is needed for the two neural-network jobs.
"""

import json
from pathlib import Path

from fate_client.pipeline import FateFlowPipeline
from fate_client.pipeline.components.fate import (
    PSI,
    SSHELR,
    CoordinatedLinR,
    CoordinatedLR,
    DataSplit,
    Evaluation,
    FeatureScale,
    HeteroFeatureBinning,
    HeteroFeatureSelection,
    HeteroSecureBoost,
    HomoLR,
    Reader,
    SSHELinR,
    Statistics,
)

HERE = Path(__file__).parent
GUEST, HOST = "9999", "10000"


def dump(name, pipeline):
    pipeline.compile()
    spec = pipeline._dag.dag_spec.dict(exclude_defaults=True)
    (HERE / f"{name}.json").write_text(json.dumps(spec, indent=1, sort_keys=True) + "\n")


def reader(name, guest_table, host_table, hosts=(HOST,)):
    task = Reader(name, runtime_parties={"guest": GUEST, "host": list(hosts)})
    task.guest.task_parameters(namespace="experiment", name=guest_table)
    for position, _ in enumerate(hosts):
        table = host_table if position == 0 else f"{host_table}_{position}"
        task.hosts[position].task_parameters(namespace="experiment", name=table)
    return task


def start(*, arbiter=False, hosts=(HOST,)):
    parties = {"guest": GUEST, "host": list(hosts) if len(hosts) > 1 else hosts[0]}
    if arbiter:
        parties["arbiter"] = HOST
    pipeline = FateFlowPipeline().set_parties(**parties)
    pipeline.conf.set("task", {"engine_run": {"cores": 1}})
    return pipeline


def hetero(*, arbiter=False, hosts=(HOST,)):
    pipeline = start(arbiter=arbiter, hosts=hosts)
    read = reader("reader_0", "breast_hetero_guest", "breast_hetero_host", hosts)
    psi = PSI("psi_0", input_data=read.outputs["output_data"])
    pipeline.add_tasks([read, psi])
    return pipeline, psi.outputs["output_data"]


def homo():
    pipeline = start(arbiter=True)
    read = reader("reader_0", "breast_homo_guest", "breast_homo_host")
    pipeline.add_tasks([read])
    return pipeline, read.outputs["output_data"]


def evaluation(inputs, **kwargs):
    return Evaluation("evaluation_0", runtime_parties={"guest": GUEST}, input_datas=inputs, **kwargs)


def psi_only():
    pipeline, _ = hetero(hosts=(HOST, "9998"))
    dump("psi_two_hosts", pipeline)


def sbt_plain():
    pipeline, data = hetero()
    sbt = HeteroSecureBoost(
        "sbt_0", train_data=data, num_trees=3, max_depth=3, he_param={"kind": "paillier", "key_length": 1024}
    )
    pipeline.add_tasks([sbt, evaluation([sbt.outputs["train_output_data"]], metrics=["auc"])])
    dump("sbt_plain", pipeline)


def sbt_validate():
    pipeline, data = hetero()
    read = reader("reader_1", "breast_hetero_guest_test", "breast_hetero_host_test")
    psi = PSI("psi_1", input_data=read.outputs["output_data"])
    he_param = {"kind": "paillier", "key_length": 1024}
    sbt = HeteroSecureBoost("sbt_0", train_data=data, num_trees=3, max_depth=3, he_param=he_param)
    holdout = HeteroSecureBoost(
        "sbt_0_validate", test_data=psi.outputs["output_data"], input_model=sbt.outputs["output_model"]
    )
    evaluate = evaluation(
        [sbt.outputs["train_output_data"], holdout.outputs["test_output_data"]],
        default_eval_setting="binary",
    )
    pipeline.add_tasks([read, psi, sbt, holdout, evaluate])
    dump("sbt_validate", pipeline)


def lr_prepared():
    """SSHE LR on data that is split, described, scaled, binned and selected."""
    pipeline, data = hetero()
    split = DataSplit(
        "data_split_0", input_data=data, train_size=0.8, validate_size=0.2, stratified=True, random_state=42
    )
    train, validate = split.outputs["train_output_data"], split.outputs["validate_output_data"]
    statistics = Statistics("statistics_0", input_data=train, metrics=["mean", "std", "min", "max", "missing_ratio"])
    binning = HeteroFeatureBinning(
        "binning_0",
        train_data=train,
        method="quantile",
        n_bins=10,
        he_param={"kind": "paillier", "key_length": 1024},
    )
    selection = HeteroFeatureSelection(
        "selection_0",
        train_data=train,
        input_models=[binning.outputs["output_model"]],
        method=["iv"],
        iv_param={
            "metrics": "iv",
            "filter_type": "threshold",
            "threshold": 0.1,
            "host_filter_type": "threshold",
            "host_threshold": 0.1,
            "select_federated": True,
        },
    )
    selection_validate = HeteroFeatureSelection(
        "selection_0_validate",
        test_data=validate,
        input_model=selection.outputs["train_output_model"],
    )
    scale = FeatureScale("scale_0", train_data=selection.outputs["train_output_data"], method="standard")
    scale_validate = FeatureScale(
        "scale_0_validate",
        test_data=selection_validate.outputs["test_output_data"],
        input_model=scale.outputs["output_model"],
    )
    lr = SSHELR(
        "lr_0",
        train_data=scale.outputs["train_output_data"],
        validate_data=scale_validate.outputs["test_output_data"],
        epochs=5,
        batch_size=200,
        learning_rate=0.15,
        init_param={"method": "zeros", "fit_intercept": True},
    )
    evaluate = evaluation([lr.outputs["train_output_data"]], default_eval_setting="binary")
    pipeline.add_tasks([split, statistics, binning, selection, selection_validate, scale, scale_validate, lr, evaluate])
    dump("sshe_lr_prepared", pipeline)


def sshe_linr():
    pipeline, data = hetero()
    linr = SSHELinR(
        "linr_0",
        train_data=data,
        epochs=5,
        batch_size=200,
        learning_rate=0.1,
        init_param={"method": "zeros", "fit_intercept": True},
    )
    evaluate = evaluation([linr.outputs["train_output_data"]], default_eval_setting="regression")
    pipeline.add_tasks([linr, evaluate])
    dump("sshe_linr", pipeline)


def coordinated(cls, name, file, setting):
    pipeline, data = hetero(arbiter=True)
    task = cls(
        name,
        train_data=data,
        epochs=5,
        batch_size=300,
        optimizer={"method": "rmsprop", "penalty": "l2", "alpha": 0.01, "optimizer_params": {"lr": 0.1}},
        init_param={"method": "zeros", "fit_intercept": True},
        learning_rate_scheduler={"method": "constant", "scheduler_params": {"factor": 1.0}},
    )
    evaluate = evaluation([task.outputs["train_output_data"]], default_eval_setting=setting)
    pipeline.add_tasks([task, evaluate])
    dump(file, pipeline)


def homo_lr():
    pipeline, data = homo()
    lr = HomoLR(
        "lr_0",
        train_data=data,
        epochs=5,
        batch_size=64,
        optimizer={"method": "adam", "penalty": "l2", "alpha": 0.001, "optimizer_params": {"lr": 0.1}},
        init_param={"method": "zeros", "fit_intercept": True},
        learning_rate_scheduler={"method": "constant", "scheduler_params": {"factor": 1.0}},
    )
    evaluate = Evaluation(
        "evaluation_0",
        runtime_parties={"guest": GUEST, "host": HOST},
        default_eval_setting="binary",
        input_datas=[lr.outputs["train_output_data"]],
    )
    pipeline.add_tasks([lr, evaluate])
    dump("homo_lr", pipeline)


def homo_nn():
    from fate_client.pipeline.components.fate.homo_nn import HomoNN, get_config_of_default_runner
    from fate_client.pipeline.components.fate.nn.algo_params import FedAVGArguments, TrainingArguments
    from fate_client.pipeline.components.fate.nn.torch import nn, optim
    from fate_client.pipeline.components.fate.nn.torch.base import Sequential

    pipeline, data = homo()
    conf = get_config_of_default_runner(
        algo="fedavg",
        model=Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid()),
        loss=nn.BCELoss(),
        optimizer=optim.Adam(lr=0.01),
        training_args=TrainingArguments(num_train_epochs=2, per_device_train_batch_size=64, seed=7),
        fed_args=FedAVGArguments(),
        task_type="binary",
    )
    task = HomoNN("nn_0", train_data=data, runner_conf=conf)
    evaluate = Evaluation(
        "evaluation_0",
        runtime_parties={"guest": GUEST, "host": HOST},
        default_eval_setting="binary",
        input_datas=[task.outputs["train_output_data"]],
    )
    pipeline.add_tasks([task, evaluate])
    dump("homo_nn", pipeline)


def hetero_nn():
    from fate_client.pipeline.components.fate.hetero_nn import HeteroNN, get_config_of_default_runner
    from fate_client.pipeline.components.fate.nn.algo_params import SSHEArgument, TrainingArguments
    from fate_client.pipeline.components.fate.nn.torch import nn, optim
    from fate_client.pipeline.components.fate.nn.torch.base import Sequential

    pipeline, data = hetero()
    training = TrainingArguments(num_train_epochs=2, per_device_train_batch_size=64, seed=7)
    agglayer = SSHEArgument(guest_in_features=8, host_in_features=8, out_features=8, layer_lr=0.01)
    guest_conf = get_config_of_default_runner(
        bottom_model=Sequential(nn.Linear(10, 8), nn.ReLU()),
        top_model=Sequential(nn.Linear(8, 1), nn.Sigmoid()),
        agglayer_arg=agglayer,
        loss=nn.BCELoss(),
        optimizer=optim.Adam(lr=0.01),
        training_args=training,
        task_type="binary",
    )
    host_conf = get_config_of_default_runner(
        bottom_model=Sequential(nn.Linear(20, 8), nn.ReLU()),
        agglayer_arg=agglayer,
        optimizer=optim.Adam(lr=0.01),
        training_args=training,
        task_type="binary",
    )
    task = HeteroNN("nn_0", train_data=data)
    task.guest.task_parameters(runner_conf=guest_conf)
    task.hosts[0].task_parameters(runner_conf=host_conf)
    pipeline.add_tasks([task, evaluation([task.outputs["train_output_data"]], default_eval_setting="binary")])
    dump("hetero_nn", pipeline)


if __name__ == "__main__":
    psi_only()
    sbt_plain()
    sbt_validate()
    lr_prepared()
    sshe_linr()
    coordinated(CoordinatedLR, "lr_0", "coordinated_lr", "binary")
    coordinated(CoordinatedLinR, "linr_0", "coordinated_linr", "regression")
    homo_lr()
    homo_nn()
    hetero_nn()
