"""A contract for import-linter: one floor imports only what is named, so that anything new is a decision.

The linter's own contracts say what is forbidden; purity needs the opposite, since what could do I/O, read a clock or
throw dice cannot be listed.
"""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """`source`, a root package, may import itself and the `allowed` top-level modules, nothing else."""

    type_name = "only"

    source = fields.StringField()
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        source: str = self.source  # type: ignore[assignment]  # a field is its value once the contract is read
        allowed: set[str] = {source, *self.allowed}  # type: ignore[misc]
        strangers = sorted(
            (module, imported)
            for module in {source, *graph.find_descendants(source)}
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.partition(".")[0] not in allowed
        )
        return ContractCheck(kept=not strangers, metadata={"strangers": strangers})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, imported in check.metadata["strangers"]:
            output.print_error(f"{module} imports {imported}, which is not on its list")
