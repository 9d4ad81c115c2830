"""Build kube-apiserver out of the source package from which Debian 12 makes kubectl, next to Debian's etcd.

No registry has the program ready to run; the source package holds the whole of Kubernetes. Only the one program is
compiled, without cloud vendors' code: some minutes on two cores, once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

RELEASE = "1.20.2"
"""Of Kubernetes: the last release but one that has the API groups which FATE-Operator is written for."""
PACKAGES = (
    *("golang-go", "etcd-server", "rsync", "make", "dpkg-dev"),
    # The copy in the source crashes with Go 1.18 and later, at the first write of a custom resource.
    "golang-github-modern-go-reflect2-dev",
)
NEWER = "github.com/modern-go/reflect2"
GO_SOURCES = Path("/usr/share/gocode/src")
WAY_OUT = (
    "Name a folder with kube-apiserver and etcd in KUBEBUILDER_ASSETS: "
    "`go run sigs.k8s.io/controller-runtime/tools/setup-envtest@latest use -p path` prints one."
)


class KubernetesError(Exception):
    """The programs are not to be had, or do not run; the message says what to do."""


def build(target: Path, say: Callable[[str], None]) -> None:
    """Build both into a folder.

    :param say: is told what happens.
    :raises KubernetesError: it cannot be done here.
    """
    _check_machine()
    with tempfile.TemporaryDirectory(prefix="kubernetes-", dir="/var/tmp") as name:
        work = Path(name)
        say("installing Go and etcd from Debian")
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], work, quiet)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES], work, quiet)
        say("getting the source of Kubernetes from Debian (34 MB)")
        root = _source(work)
        say("generating code (a minute or two)")
        env = _go(work)
        _run(["make", "generated_files"], root, env)
        say("compiling kube-apiserver (some minutes)")
        _compile(root, work, env)
        fresh = work / "programs"
        fresh.mkdir()
        shutil.move(work / "kube-apiserver", fresh / "kube-apiserver")
        etcd = shutil.which("etcd")
        assert etcd is not None
        shutil.copy(etcd, fresh / "etcd")
        _run([str(fresh / "kube-apiserver"), "--version"], work, env)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(fresh, target.with_suffix(".new"), dirs_exist_ok=True)
        target.with_suffix(".new").rename(target)


def _check_machine() -> None:
    release = Path("/etc/os-release")
    name = re.search(r"^VERSION_CODENAME=(\w+)", release.read_text() if release.is_file() else "", re.MULTILINE)
    if name is None or name[1] != "bookworm":
        raise KubernetesError(f"kube-apiserver is built on Debian 12 only. {WAY_OUT}")
    if os.getuid() != 0:
        raise KubernetesError(f"Root is needed to install Debian's packages for building kube-apiserver. {WAY_OUT}")


def _source(work: Path) -> Path:
    """Unpack the source, with apt settings of our own: the machine's stay as they are."""
    apt = work / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (apt / folder).mkdir(parents=True)
    for file in Path("/etc/apt/sources.list.d").glob("*.sources"):
        text = re.sub(r"^Types:.*$", "Types: deb-src", file.read_text(), flags=re.MULTILINE)
        (apt / "parts" / file.name).write_text(text)
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")]
    lines = [line for file in lists if file.is_file() for line in file.read_text().splitlines()]
    sources = [line.replace("deb ", "deb-src ", 1) for line in lines if line.startswith("deb ")]
    (apt / "sources.list").write_text("\n".join(sources) + "\n")
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": apt / "parts",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    _run([*command, "update", "-qq"], work)
    _run([*command, "source", "-qq", "--download-only", "kubernetes"], work)
    (described,) = work.glob("kubernetes_*.dsc")
    # Where Go of that time looks for a package.
    root = work / "go/src/k8s.io/kubernetes"
    root.parent.mkdir(parents=True)
    _run(["dpkg-source", "--no-check", "-x", str(described), str(root)], work)
    shutil.rmtree(root / "vendor" / NEWER)
    shutil.copytree(GO_SOURCES / NEWER, root / "vendor" / NEWER)
    return root


def _go(work: Path) -> dict[str, str]:
    """The environment in which Kubernetes is built: nothing is fetched, nothing of the user's is touched."""
    major, minor, _ = RELEASE.split(".")
    (work / "home").mkdir()
    return os.environ | {
        "HOME": str(work / "home"),
        "GOPATH": str(work / "go"),
        "GOCACHE": str(work / "gocache"),
        "CGO_ENABLED": "0",
        "GOPROXY": "off",
        "GOFLAGS": "-mod=vendor",
        "KUBE_GIT_VERSION": f"v{RELEASE}",
        "KUBE_GIT_MAJOR": major,
        "KUBE_GIT_MINOR": minor,
        # Else it is asked of git, of which there is nothing here.
        "KUBE_GIT_COMMIT": "0" * 40,
        "KUBE_GIT_TREE_STATE": "clean",
    }


def _compile(root: Path, work: Path, env: Mapping[str, str]) -> None:
    # `make` has linked the tree there, and has generated what is missing in it.
    path = root / "_output/local/go"
    place = path / "src/k8s.io/kubernetes"
    # Two packages have it: one for --version, one for what the API says.
    versions = [f"k8s.io/kubernetes/vendor/k8s.io/{part}/version" for part in ("component-base", "client-go/pkg")]
    major, minor, _ = RELEASE.split(".")
    known = {"gitVersion": f"v{RELEASE}", "gitMajor": major, "gitMinor": minor}
    stamps = [f"-X {package}.{name}={value}" for package in versions for name, value in known.items()]
    flags = " ".join(["-s -w", *stamps])
    command = ["go", "build", "-tags", "selinux,notest,providerless", "-ldflags", flags]
    command += ["-o", str(work / "kube-apiserver"), "k8s.io/kubernetes/cmd/kube-apiserver"]
    _run(command, place, dict(env) | {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(path), "PWD": str(place)})


def _run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-20:])
        raise KubernetesError(f"{' '.join(command[:3])} ... failed:\n{said}\n{WAY_OUT}")
