"""What all recipes have in common: parties, resources, templates, YAML, and errors that name the field."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.jobs.builder import DagBuilder, JsonObject
from airflow_provider_fate.jobs.problems import Problem, did_you_mean, invalid_job
from airflow_provider_fate.jobs.recipes.party import Party
from airflow_provider_fate.jobs.recipes.plain import problem_of
from airflow_provider_fate.jobs.recipes.templates import Templated, find_templates
from airflow_provider_fate.jobs.validate import require_valid_document

__all__ = ["Recipe"]

PositiveInt: TypeAlias = Annotated[int, Field(ge=1)]


class Recipe(BaseModel):
    """A typed description of a federated job, from which its DAG is made.

    A recipe is checked twice: when it is written, as far as its values are known, and, after Airflow has rendered its
    templates, when :meth:`dag` is called. It cannot be changed; ``recipe.model_copy(update={...})`` makes another.

    :param guest: the party that owns the label and starts the job.
    :param hosts: the other parties that bring data.
    :param cores: processes that each task starts on each party to compute with. 1 by default: a pool is started anew
        for every task on every party, costs 300-480 MB a process and some seconds, and pays only from about 100 000
        rows. It is also what is claimed from the cluster while the task runs.
    :param job_cores: cores that the job claims on each party while it runs. As many of its tasks as fit into them run
        at a time, and as many jobs as fit into the cluster; the site's setting (4) by default. Take 1 on a machine of
        two cores, where tasks beside each other only slow each other down.
    :param computing_partitions: pieces that the data is cut into; more than ``cores`` to use all of them. The site's
        setting (8) by default.
    :param priority: jobs with a higher priority start before those that wait with a lower one; 0 by default.
    :param task_timeout: seconds after which a task is given up; one day by default (FATE's own default is three),
        because a lost partner shows only as a task that never ends.
    :param provider: run the components of this provider, such as ``"fate:2.2.0@local"``; the site's default if not set.
    :param extra: is put into ``conf.extra`` of the job, where FATE stores but ignores it.
    :raises FateInvalidJobError: a value cannot work; lists all that is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False)

    guest: Party
    hosts: list[Party]

    cores: Templated[PositiveInt] = Field(
        default=1, description="a whole number of processes per task and party, at least 1"
    )
    job_cores: Templated[PositiveInt | None] = Field(
        default=None, description="a whole number of cores per party, at least 1, or none for the site's setting"
    )
    computing_partitions: Templated[PositiveInt | None] = Field(
        default=None, description="a whole number of pieces, at least 1, or none for the site's setting"
    )
    priority: Templated[int] = Field(default=0, description="a whole number; the higher, the sooner")
    task_timeout: Templated[PositiveInt | None] = Field(
        default=86_400, description="seconds, at least 1, or none for the site's setting (three days)"
    )
    provider: str | None = Field(default=None, description="a provider such as 'fate:2.2.0@local'")
    extra: dict[str, Any] = Field(default_factory=dict, description="a mapping that JSON can hold")

    _kinds: ClassVar[dict[str, type[Recipe]]] = {}
    _not_offered: ClassVar[dict[str, tuple[str, str]]] = {}
    """Fields of other recipes that this one cannot have: why not, and the way out."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        Recipe._kinds[cls.__name__] = cls

    @classmethod
    def kinds(cls) -> Mapping[str, type[Recipe]]:
        """The recipes that there are, by name."""
        whole = {name: kind for name, kind in Recipe._kinds.items() if not getattr(kind, "__abstractmethods__", None)}
        return {name: kind for name, kind in whole.items() if issubclass(kind, cls)}

    # -- checks ------------------------------------------------------------------------------------------------------

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_wrong(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, Mapping) and "recipe" in data:
            data = {key: value for key, value in data.items() if key != "recipe"}
        if isinstance(data, Mapping):
            # A field that is not set is no wish for what it stands for.
            data = {key: value for key, value in data.items() if value is not None or key not in cls._not_offered}
            if asked := [key for key in data if key in cls._not_offered]:
                raise invalid_job([Problem(key, data[key], *cls._not_offered[key]) for key in asked], what=cls.__name__)
        try:
            made = handler(data)
        except ValidationError as error:
            raise invalid_job([problem_of(cls, detail) for detail in error.errors()], what=cls.__name__) from None
        # What depends on several fields is checked once all of them are known.
        if not any(find_templates(made.model_dump())) and (problems := made._check()):
            raise invalid_job(problems, what=cls.__name__)
        return made

    def _check(self) -> list[Problem]:
        """Return what is wrong between fields; called only when no template is left."""
        problems = []
        if not self.hosts:
            problems.append(Problem("hosts", [], "nobody to federate with", "Name at least one host party."))
        seen = {self.guest.party_id}
        for position, host in enumerate(self.hosts):
            if host.party_id in seen:
                problems.append(
                    Problem(
                        f"hosts.{position}.party_id",
                        host.party_id,
                        "this party is in the job already",
                        "Give each party once.",
                    )
                )
            seen.add(host.party_id)
        return problems

    # -- the job -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def _build(self, dag: DagBuilder) -> None:
        """Add the tasks."""

    def _arbiter(self) -> str | None:
        return None

    def dag(self) -> JsonObject:
        """Return the checked job as FATE-Flow takes it: ``{"dag": {...}, "schema_version": "2.2.0"}``.

        :raises FateInvalidJobError: a template was not rendered, or a value cannot work.
        """
        document = self.document()
        require_valid_document(document)
        return document

    def document(self) -> JsonObject:
        """The same before the job is checked as a whole.

        :raises FateInvalidJobError: a template was not rendered, or a value cannot work.
        """
        dumped = self.model_dump()
        if left := list(find_templates(dumped)):
            raise invalid_job(
                [
                    Problem(path, text, "the template has not been rendered", "Render it before making the DAG.")
                    for path, text in left
                ],
                what=type(self).__name__,
            )
        roles = {"guest": [self.guest.party_id], "host": [host.party_id for host in self.hosts]}
        if arbiter := self._arbiter():
            roles["arbiter"] = [arbiter]
        builder = DagBuilder(roles, self._conf())
        self._build(builder)
        return builder.document()

    def _conf(self) -> JsonObject:
        task: JsonObject = {"engine_run": {"cores": self.cores}}
        if self.task_timeout is not None:
            task["timeout"] = self.task_timeout
        if self.provider is not None:
            task["provider"] = self.provider
        conf: JsonObject = {"task": task}
        if self.job_cores is not None:
            conf["cores"] = self.job_cores
        if self.computing_partitions is not None:
            conf["computing_partitions"] = self.computing_partitions
        if self.priority:
            conf["priority"] = self.priority
        if self.extra:
            conf["extra"] = self.extra
        return conf

    # -- text --------------------------------------------------------------------------------------------------------

    def serialize(self) -> dict[str, Any]:
        """Return the recipe as plain data: its name under ``recipe``, then every field that is not as by default."""
        return {"recipe": type(self).__name__, **self.model_dump(mode="json", exclude_defaults=True)}

    def to_yaml(self) -> str:
        """Return the recipe as YAML with every field, to be kept and edited."""
        document = {"recipe": type(self).__name__, **self.model_dump(mode="json")}
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """Read what :meth:`to_yaml` wrote. Called on :class:`Recipe`, any recipe; else one of that class.

        :raises FateInvalidJobError: it is not a recipe, or one of its values cannot work.
        """
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise invalid_job([Problem("(text)", None, f"is not YAML: {error}", "Correct it.")]) from None
        if not isinstance(document, dict):
            raise invalid_job([Problem("(text)", document, "is not a mapping", "Write 'recipe: ...' and its fields.")])
        return cls.from_mapping(document)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Recipe:
        """Make the recipe that a mapping with the key ``recipe`` describes."""
        name = str(document.get("recipe", cls.__name__))
        kind = cls._kinds.get(name)
        if kind is None or kind is Recipe or getattr(kind, "__abstractmethods__", None):
            known = sorted(name for name, kind in cls._kinds.items() if not kind.__subclasses__())
            fix = did_you_mean(name, known, otherwise=f"One of: {', '.join(known)}.")
            raise invalid_job([Problem("recipe", name, "there is no such recipe", fix)])
        if not issubclass(kind, cls):
            raise FateInputError(f"this is a {name}, not a {cls.__name__}", hint="Read it with Recipe.from_yaml.")
        return kind.model_validate(document)
