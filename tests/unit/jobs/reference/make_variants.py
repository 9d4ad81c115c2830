"""Make the references of warm starts and cross validations with the real fate-client, as `make_reference.py` does.

/tmp/fc/bin/python tests/unit/jobs/reference/make_variants.py
"""

from fate_client.pipeline.components.fate import SSHELR, CoordinatedLR, FeatureScale, HeteroSecureBoost, HomoLR
from fate_client.pipeline.entity.dag_structures import PartySpec
from fate_client.pipeline.interface import ModelWarehouseChannel
from make_reference import GUEST, HOST, dump, evaluation, hetero, homo

HE_PARAM = {"kind": "paillier", "key_length": 1024}
ZEROS = {"method": "zeros", "fit_intercept": True}
CONSTANT = {"method": "constant", "scheduler_params": {"factor": 1.0}}
FOLDS = {"n_splits": 3, "shuffle": True, "random_state": 7}


def earlier(task, *roles, key="output_model"):
    """The model of a task of an earlier job."""
    ids = {"guest": GUEST, "host": HOST, "arbiter": HOST}
    parties = [PartySpec(role=role, party_id=[ids[role]]) for role in roles]
    return ModelWarehouseChannel(
        model_id="202601010000000000000",
        model_version="0",
        producer_task=task,
        output_artifact_key=key,
        parties=parties,
    )


def sbt_warm():
    pipeline, data = hetero()
    sbt = HeteroSecureBoost(
        "sbt_0",
        train_data=data,
        num_trees=3,
        max_depth=3,
        he_param=HE_PARAM,
        warm_start_model=earlier("sbt_0", "guest", "host"),
    )
    pipeline.add_tasks([sbt, evaluation([sbt.outputs["train_output_data"]], metrics=["auc"])])
    dump("sbt_warm", pipeline)


def coordinated_lr_warm():
    """On columns that are scaled as they were in the earlier job."""
    pipeline, data = hetero(arbiter=True)
    scale = FeatureScale("scale_0", test_data=data, input_model=earlier("scale_0", "guest", "host"))
    lr = CoordinatedLR(
        "lr_0",
        train_data=scale.outputs["test_output_data"],
        epochs=5,
        batch_size=300,
        optimizer={"method": "rmsprop", "penalty": "l2", "alpha": 0.01, "optimizer_params": {"lr": 0.1}},
        init_param=ZEROS,
        learning_rate_scheduler=CONSTANT,
        warm_start_model=earlier("lr_0", "guest", "host", "arbiter"),
    )
    evaluate = evaluation([lr.outputs["train_output_data"]], default_eval_setting="binary")
    pipeline.add_tasks([scale, lr, evaluate])
    dump("coordinated_lr_warm", pipeline)


def homo_lr_warm():
    pipeline, data = homo()
    lr = HomoLR(
        "lr_0",
        train_data=data,
        epochs=5,
        batch_size=64,
        optimizer={"method": "adam", "penalty": "l2", "alpha": 0.001, "optimizer_params": {"lr": 0.1}},
        init_param=ZEROS,
        learning_rate_scheduler=CONSTANT,
        warm_start_model=earlier("lr_0", "guest", "host"),
    )
    pipeline.add_tasks([lr])
    dump("homo_lr_warm", pipeline)


def sbt_folds():
    pipeline, data = hetero()
    sbt = HeteroSecureBoost("sbt_0", cv_data=data, num_trees=3, max_depth=3, he_param=HE_PARAM, cv_param=FOLDS)
    pipeline.add_tasks([sbt])
    dump("sbt_folds", pipeline)


def sshe_lr_folds():
    pipeline, data = hetero()
    lr = SSHELR("lr_0", cv_data=data, epochs=5, batch_size=200, learning_rate=0.1, init_param=ZEROS, cv_param=FOLDS)
    pipeline.add_tasks([lr])
    dump("sshe_lr_folds", pipeline)


if __name__ == "__main__":
    sbt_warm()
    coordinated_lr_warm()
    homo_lr_warm()
    sbt_folds()
    sshe_lr_folds()
