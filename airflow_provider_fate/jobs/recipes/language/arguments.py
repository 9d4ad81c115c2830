"""What may be said in ``training_args``: further arguments of transformers' ``Seq2SeqTrainingArguments``."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_fate.jobs.problems import Problem, did_you_mean

__all__ = ["argument_problems"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OWN = {
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "accumulation",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "scheduler",
    "warmup_ratio": "warmup",
    "seed": "seed",
    "logging_steps": "log_every",
    "logging_strategy": "log_every",
    "fp16": "precision",
    "bf16": "precision",
    "use_cpu": "device",
    "no_cuda": "device",
    "deepspeed": "launcher=DeepSpeed(...)",
}
"""Arguments that fields of the recipes stand for."""

_SET_BY_FATE = _words(
    """output_dir overwrite_output_dir resume_from_checkpoint logging_dir local_rank do_train remove_unused_columns
    push_to_hub hub_model_id hub_strategy hub_token hub_private_repo hub_always_push push_to_hub_model_id
    push_to_hub_organization push_to_hub_token"""
)
"""Arguments that FATE-LLM overwrites or drops, or that break it."""

_NO_METHOD = _words("gradient_checkpointing gradient_checkpointing_kwargs predict_with_generate")
"""transformers call methods of the model for these that FATE-LLM's class around model and adapter does not have."""

_KNOWN = _words(
    """adafactor adam_beta1 adam_beta2 adam_epsilon auto_find_batch_size bf16_full_eval checkpoint_idx data_seed
    dataloader_drop_last dataloader_num_workers dataloader_persistent_workers dataloader_pin_memory ddp_backend
    ddp_broadcast_buffers ddp_bucket_cap_mb ddp_find_unused_parameters ddp_timeout debug disable_tqdm dispatch_batches
    do_eval do_predict eval_accumulation_steps eval_delay eval_steps evaluation_strategy fp16_backend fp16_full_eval
    fp16_opt_level fsdp fsdp_config fsdp_min_num_params fsdp_transformer_layer_cls_to_wrap full_determinism
    generation_config generation_max_length generation_num_beams gradient_checkpointing gradient_checkpointing_kwargs
    greater_is_better group_by_length half_precision_backend ignore_data_skip include_inputs_for_metrics
    include_num_input_tokens_seen include_tokens_per_second jit_mode_eval label_names label_smoothing_factor
    length_column_name load_best_model_at_end log_level log_level_replica log_on_each_node logging_first_step
    logging_nan_inf_filter lr_scheduler_kwargs max_grad_norm max_steps metric_for_best_model mp_parameters
    neftune_noise_alpha optim optim_args past_index per_device_eval_batch_size per_gpu_eval_batch_size
    per_gpu_train_batch_size predict_with_generate prediction_loss_only ray_scope report_to run_name save_on_each_node
    save_only_model save_safetensors save_steps save_strategy save_total_limit skip_memory_metrics sortish_sampler
    split_batches tf32 torch_compile torch_compile_backend torch_compile_mode torchdynamo tpu_metrics_debug
    tpu_num_cores use_ipex use_legacy_prediction_loop use_mps_device warmup_steps weight_decay"""
)
"""Further arguments in transformers 4.37.2, which FATE-LLM 2.2.0 pins."""


def argument_problems(name: str, value: object, *, wrapped: bool) -> Iterator[Problem]:
    """Yield what is wrong with a further argument.

    :param wrapped: the model is inside FATE-LLM's class for adapters.
    """
    field = f"training_args.{name}"
    if name in _OWN:
        own = _OWN[name]
        yield Problem(field, value, f"the field {own.partition('=')[0]} stands for it", f"Set {own}.")
    elif name in _SET_BY_FATE:
        yield Problem(field, value, "FATE-LLM sets it itself, and would drop it or break by it", "Leave it out.")
    elif name in _NO_METHOD and wrapped and value:
        instead = (
            "a smaller batch_size with more accumulation saves memory, too"
            if name.startswith("gradient")
            else "let the adapter answer after the job"
        )
        yield Problem(
            field,
            value,
            "the class that FATE-LLM 2.2 puts around model and adapter lacks the method that it calls: the task fails",
            f"Leave it out; {instead}.",
        )
    elif name not in _KNOWN:
        fix = did_you_mean(name, {*_KNOWN, *_OWN}, otherwise="See TrainingArguments of transformers 4.37.")
        yield Problem(field, value, "transformers 4.37 have no such argument", fix)
