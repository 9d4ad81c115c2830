"""What all commands share: how they reach a site, and how they end."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_fate.errors import FateError, FateJobNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.hooks.flow import FateFlowHook
    from airflow_provider_fate.site.session import SiteSession

Run = Callable[[Namespace], None]


def command(run: Run) -> Run:
    """Let a command end as a command does: an error of ours is one line on stderr and exit status 1."""

    @functools.wraps(run)
    def wrapper(args: Namespace) -> None:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException

        # What is tried again is not news to a person who gets an answer or one error; and Airflow warns at each start
        # that a party id is too short to be hidden from its logs.
        logging.disable(logging.WARNING)
        try:
            run(args)
        except FateError as error:
            fail(f"{type(error).__name__}: {error}")
        except AirflowNotFoundException:
            fail(
                f"Airflow has no connection {args.conn_id!r}, or cannot read it. Add it with 'airflow connections "
                f"add {args.conn_id} --conn-type fate ...', or name another one."
            )
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough. Without this, Python complains again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(141) from None
        finally:
            logging.disable(logging.NOTSET)

    return wrapper


def fail(message: str) -> NoReturn:
    """End with exit status 1, and a message of one line."""
    from airflow_provider_fate.cli.output import printable

    sentences = [line if line.endswith((".", "?", "!")) else f"{line}." for line in message.splitlines() if line]
    print(printable(" ".join(sentences)), file=sys.stderr)
    raise SystemExit(1)


def note(message: str) -> None:
    """Tell the person something that is not part of the output."""
    print(message, file=sys.stderr, flush=True)


def hook(conn_id: str) -> FateFlowHook:
    """The hook of a connection, which may stand in Airflow's database."""
    from airflow_provider_fate.hooks.flow import FateFlowHook

    # Airflow looks into its database only in processes that say they may; its own `connections` commands do likewise.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    return FateFlowHook(conn_id)


@contextlib.contextmanager
def site(args: Namespace) -> Iterator[SiteSession]:
    """The site of ``--conn-id``: its connection (``.site``) and its client."""
    from airflow_provider_fate.site.session import session_at

    with session_at(hook(args.conn_id).site()) as session:
        yield session


def records_of(session: SiteSession, job_id: str) -> list[JobRecord]:
    """What the site has of a job: one record per party that it plays.

    :raises FateJobNotFound: nothing.
    """
    records = session.client.job.query(job_id=job_id)
    if not records:
        raise FateJobNotFound(
            f"The site of connection {session.site.conn_id!r} does not know job {job_id}.",
            hint="Check the id, and --conn-id: each site knows only the jobs that it takes part in.",
            job_id=job_id,
        )
    return records


def own_record_of(session: SiteSession, job_id: str) -> JobRecord:
    """The record that speaks for the site.

    :raises FateJobNotFound: it has none.
    """
    from airflow_provider_fate.site.records import own_record

    return own_record(records_of(session, job_id), session.site.role, session.site.party_id)
