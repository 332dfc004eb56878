"""Names of the fields of anaesthesiology and of the kinds of answer, as generated data and seed tasks use them."""

from __future__ import annotations

CATEGORIES = {
    "preoperative": "术前评估与 ASA 分级",
    "airway": "气道管理",
    "induction": "麻醉诱导",
    "maintenance": "麻醉维持",
    "emergence": "苏醒与 PACU",
    "inhaled": "吸入麻醉药",
    "intravenous": "静脉麻醉药",
    "opioids": "阿片类药物",
    "muscle_relaxants": "肌松药与拮抗",
    "local_anaesthetics": "局部麻醉药与全身毒性",
    "neuraxial": "椎管内麻醉",
    "nerve_blocks": "外周神经阻滞",
    "monitoring": "监测",
    "fluids_transfusion": "液体与输血",
    "haemodynamics": "血流动力学与血管活性药",
    "cardiac": "心脏手术麻醉",
    "thoracic": "胸科手术麻醉",
    "neuro": "神经外科麻醉",
    "obstetric": "产科麻醉",
    "paediatric": "小儿麻醉",
    "geriatric": "老年麻醉",
    "bariatric": "肥胖病人麻醉",
    "day_surgery": "日间手术麻醉",
    "pain": "疼痛治疗",
    "icu": "重症监护",
    "crisis": "危机处理（过敏、恶性高热、大出血、困难气道、心搏骤停、栓塞）",
    "complications": "并发症",
    "safety": "安全与伦理",
}
"""Slug of a field, and what it is called in prompts."""

FORMS = {
    "short": "简短作答的知识题",
    "explain": "要求解释机制或原因的题",
    "compare": "要求比较两种药物、方法或情况的题",
    "crisis": "要求按先后顺序处理紧急情况的题",
    "case": "附有具体病例资料、要求分析的题",
    "table": "要求用表格整理的题",
    "need_more_info": "资料不足、应先追问关键信息的题",
    "refusal": "不应照办、需要拒绝并说明理由的请求",
    "dont": "问什么不能做、常见错误是什么的题",
    "false_premise": "题干含有错误前提、需要纠正的题",
    "dose": "问剂量、浓度或速度的题",
}
"""The kinds of answer of ``data/record.schema.json``."""
