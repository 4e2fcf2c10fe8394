"""The plan: phases and their tasks, what they promise, what they cost, return and risk."""

from roadmap.models.gates import Gate, GateWaiver
from roadmap.models.load import AlertRule, LoadProfile
from roadmap.models.money import Benefit, BenefitKpi, Cost, CostEntry, CostKind
from roadmap.models.plan import Impact, Phase, Priority, Roadmap, RoadmapState, Task, TaskState
from roadmap.models.risks import Mitigation, MitigationState, Risk, RiskStatus, RiskTrigger, Treatment

__all__ = [
    "AlertRule",
    "Benefit",
    "BenefitKpi",
    "Cost",
    "CostEntry",
    "CostKind",
    "Gate",
    "GateWaiver",
    "Impact",
    "LoadProfile",
    "Mitigation",
    "MitigationState",
    "Phase",
    "Priority",
    "Risk",
    "RiskStatus",
    "RiskTrigger",
    "Roadmap",
    "RoadmapState",
    "Task",
    "TaskState",
    "Treatment",
]
