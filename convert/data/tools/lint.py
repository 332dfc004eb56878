"""Check the doses and target values in the built JSONL against plausible bounds.

    python convert/data/tools/lint.py             exit 1 on any complaint
    python convert/data/tools/lint.py --ranges    also list every figure found, drug by drug

A figure belongs to the drug named last before it in the same clause. The bounds are
wide on purpose: they catch a slipped decimal or a wrong unit, not a difference of practice.
"""

import collections
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent

# drug: {unit: (lowest, highest)}; a unit that is not listed is not checked for that drug
BOUNDS = {
    "丙泊酚": {"mg/kg": (0.5, 3.5), "mg/(kg·h)": (0.3, 12), "µg/mL": (1, 6), "mg": (10, 400)},
    "依托咪酯": {"mg/kg": (0.1, 0.4)},
    "艾司氯胺酮": {"mg/kg": (0.05, 1)},
    "氯胺酮": {"mg/kg": (0.1, 6), "mg/(kg·h)": (0.05, 0.5)},
    "咪达唑仑": {"mg/kg": (0.02, 0.5), "mg": (0.5, 20), "mg/(kg·h)": (0.01, 0.2)},
    "瑞马唑仑": {"mg/kg": (0.1, 0.4), "mg/(kg·h)": (0.5, 3)},
    "右美托咪定": {"µg/kg": (0.2, 3), "µg/(kg·h)": (0.1, 1.5)},
    "硫喷妥钠": {"mg/kg": (2, 6)},
    "瑞芬太尼": {"µg/kg": (0.25, 2), "µg/(kg·min)": (0.01, 0.5), "ng/mL": (1, 8)},
    "舒芬太尼": {"µg/kg": (0.05, 2), "µg": (2, 50)},
    "阿芬太尼": {"µg/kg": (3, 50)},
    "芬太尼": {"µg/kg": (0.25, 5), "µg": (10, 150), "µg/mL": (1, 5)},
    "吗啡": {"mg/kg": (0.02, 0.2), "mg": (0.5, 30), "µg": (50, 200)},
    "哌替啶": {"mg": (10, 100)},
    "氢吗啡酮": {"mg": (0.1, 2)},
    "纳洛酮": {"µg": (20, 400), "mg": (0.04, 4)},
    "氟马西尼": {"mg": (0.1, 1)},
    "罗库溴铵": {"mg/kg": (0.03, 1.2)},
    "维库溴铵": {"mg/kg": (0.01, 0.15)},
    "顺式阿曲库铵": {"mg/kg": (0.02, 0.2), "µg/(kg·min)": (0.5, 3)},
    "琥珀胆碱": {"mg/kg": (0.5, 6)},
    "舒更葡糖钠": {"mg/kg": (2, 16)},
    "新斯的明": {"mg/kg": (0.02, 0.07), "mg": (1, 5)},
    "阿托品": {"mg": (0.3, 3), "mg/kg": (0.01, 0.02)},
    "格隆溴铵": {"mg": (0.1, 0.4)},
    "利多卡因": {"mg/kg": (0.5, 55), "mg/(kg·h)": (1, 1.5), "mg": (20, 500)},
    "布比卡因": {"mg/kg": (1, 3), "mg": (4, 266)},
    "罗哌卡因": {"mg/kg": (1, 3), "mL/kg": (0.3, 1.2)},
    "去氧肾上腺素": {"µg": (25, 200), "µg/min": (10, 150), "µg/(kg·min)": (0.1, 2)},
    "去甲肾上腺素": {"µg/(kg·min)": (0.01, 1), "µg": (2, 20)},
    "麻黄碱": {"mg": (3, 50)},
    "肾上腺素": {"µg": (5, 100), "mg/kg": (0.01, 0.03), "µg/(kg·min)": (0.01, 0.5), "mg": (0.1, 5), "µg/kg": (0.2, 1)},
    "多巴酚丁胺": {"µg/(kg·min)": (1, 20)},
    "米力农": {"µg/kg": (20, 75), "µg/(kg·min)": (0.1, 0.75)},
    "血管加压素": {"U/min": (0.01, 0.06), "U": (0.2, 40)},
    "艾司洛尔": {"mg/kg": (0.1, 1), "µg/(kg·min)": (25, 300)},
    "胺碘酮": {"mg": (100, 900), "mg/kg": (3, 6)},
    "丹曲林": {"mg/kg": (1, 10)},
    "脂肪乳": {"mL/kg": (1, 12), "mL/(kg·min)": (0.2, 0.5)},
    "氨甲环酸": {"g": (0.5, 2), "mg/kg": (10, 30)},
    "硫酸镁": {"g": (1, 6), "mg/kg": (20, 60), "g/h": (1, 3)},
    "甘露醇": {"g/kg": (0.25, 2)},
    "昂丹司琼": {"mg": (4, 8), "mg/kg": (0.1, 0.15)},
    "地塞米松": {"mg": (4, 10), "mg/kg": (0.1, 0.5)},
    "氟哌利多": {"mg": (0.5, 1.25)},
    "缩宫素": {"U": (0.5, 10), "U/h": (2, 15)},
    "沙丁胺醇": {"mg": (2.5, 20)},
    "葡萄糖酸钙": {"mL": (5, 30), "g": (1, 3)},
    "氯化钙": {"mL": (3, 10), "g": (0.5, 1)},
    "对乙酰氨基酚": {"mg/kg": (10, 75), "g": (0.5, 4)},
    "布洛芬": {"mg/kg": (5, 10)},
}
OTHER_NAMES = (  # noqa: SIM905, a list of fifty literals reads worse
    "泮库溴铵 阿曲库铵 米库氯铵 氯普鲁卡因 丁卡因 左布比卡因 环泊酚 羟考酮 曲马多 纳布啡 布托啡诺 丁丙诺啡 "
    "多巴胺 异丙肾上腺素 硝酸甘油 硝普钠 尼卡地平 乌拉地尔 拉贝洛尔 鱼精蛋白 氢化可的松 胰岛素 葡萄糖 可乐定 "
    "阿托伐他汀 呋塞米 卡前列素 麦角新碱 卡贝缩宫素 米索前列醇 加压素 阿替普酶 阿司匹林 氨茶碱 异丙托溴铵 "
    "甲泼尼龙 腺苷 酚妥拉明 补液 晶体液 脂质体布比卡因 布比卡因脂质体 甲氧氯普胺 托烷司琼 阿瑞匹坦 咖啡因 "
    "苯佐卡因 丙胺卡因 亚甲蓝 去氨加压素 奥曲肽 依达赛珠单抗 除颤 红细胞 血浆 氧流量 纤维蛋白原 "
).split()
# words after which a figure no longer belongs to the drug before them
BREAKS = ["拮抗", "合用", "类似物"]
# phrases that name a drug without giving its dose
NOT_A_DOSE = re.compile(r"不?加肾上腺素|含稀利多卡因和肾上腺素|每 1 mg 新斯的明|配新斯的明每 1 mg")
UNIT = (
    r"(?:m|µ|n)?[gL]/\(kg·(?:min|h)\)|(?:m|µ|n)?[gL]/kg|(?:µg|ng|mg)/mL"
    r"|U/(?:min|h)|(?:m|µ)?g/(?:min|h)|(?:m|µ|n)?g|mL|U"
)
FIGURE = re.compile(rf"(\d+(?:\.\d+)?)(?:～(\d+(?:\.\d+)?))?\s*({UNIT})(?![A-Za-z/])")
NAMES = sorted([*BOUNDS, *OTHER_NAMES, *BREAKS], key=len, reverse=True)
NAME = re.compile("|".join(map(re.escape, NAMES)))


def figures(text):
    """Yield (drug, low, high, unit, clause) for each figure that follows a drug name in its clause."""
    for clause in re.split(r"[。；;\n]", NOT_A_DOSE.sub("", text)):
        marks = [(m.start(), m.group()) for m in NAME.finditer(clause)]
        for match in FIGURE.finditer(clause):
            before = [name for start, name in marks if start < match.start()]
            if before and before[-1] in BOUNDS:
                low = float(match.group(1))
                yield before[-1], low, float(match.group(2) or low), match.group(3), clause.strip()


def main():
    found, complaints, records = collections.defaultdict(collections.Counter), {}, 0
    for path in sorted(DATA.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record, records = json.loads(line), records + 1
            text = record.get("output") or record.get("text")
            for drug, low, high, unit, clause in figures(text):
                found[drug, unit][low, high] += 1
                bounds = BOUNDS[drug].get(unit)
                if low > high or (bounds and not (bounds[0] <= low and high <= bounds[1])):
                    complaints.setdefault((drug, low, high, unit, clause), record["id"])
    if "--ranges" in sys.argv[1:]:
        for (drug, unit), counter in sorted(found.items()):
            print(drug, unit, ", ".join(f"{a:g}-{b:g} ×{n}" for (a, b), n in sorted(counter.items())))
    for (drug, low, high, unit, clause), where in complaints.items():
        print(f"{where}: {drug} {low:g}-{high:g} {unit}: {clause[:90]}", file=sys.stderr)
    print(f"{records} records, {sum(sum(c.values()) for c in found.values())} figures, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
