// The conversations in the screenshots: written by hand as an example of form, not a model's output, and labelled so.
const EXAMPLE = { id: 'example', title: '示例文字，非模型输出' };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let serial = 0;
const id = () => `00000000-0000-4000-8000-${String((serial += 1)).padStart(12, '0')}`;

const MALIGNANT_HYPERTHERMIA = `符合**恶性高热**的早期表现，立即按危机流程处理：

1. 停用吸入麻醉药与琥珀胆碱，100% 氧、高流量（≥10 L/min）过度通气
2. 呼救，取**丹曲林 2.5 mg/kg** 静脉注射，按反应重复，直到 EtCO₂、体温和肌强直缓解
3. 监测核心体温、动脉血气、血钾、肌酸激酶与尿量
4. 主动降温，核心体温降到 38.5 ℃ 以下时停止

| 指标 | 处理阈值 | 要点 |
| --- | --- | --- |
| 核心体温 | > 39.0 ℃ | 体表与静脉降温 |
| 血钾 | > 6.0 mmol/L | 钙剂、胰岛素加葡萄糖 |
| 尿量 | < 1 mL/(kg·h) | 补液、利尿，防肌红蛋白肾损伤 |

使用丹曲林时**避免**合用维拉帕米等钙通道阻滞药。同时鉴别甲状腺危象、通气不足与脓毒症。`;

const CONVERSATIONS = [
  ['恶性高热的首要处理', 0.2 * HOUR, MALIGNANT_HYPERTHERMIA, { pinned: true }],
  ['剖宫产腰麻后低血压', 1.5 * HOUR, '左侧倾斜、补液，首选去氧肾上腺素；心率慢时考虑麻黄碱。'],
  ['罗库溴铵残余阻滞的拮抗', 5 * HOUR, 'TOF 比值低于 0.9 时不宜拔管；可用舒更葡糖拮抗。'],
  ['OSA 患儿扁桃体术后', 26 * HOUR, '对阿片类更敏感，应减量并延长监护。'],
  ['困难气道：评估与备案', 30 * HOUR, '评估张口度、甲颏距离、颈部活动度，备好视频喉镜与声门上气道。'],
  ['局麻药全身毒性的脂肪乳用量', 3 * DAY, '20% 脂肪乳 1.5 mL/kg 单次静注，再以 0.25 mL/(kg·min) 输注。'],
  ['术后恶心呕吐的风险评分', 3.2 * DAY, 'Apfel 评分：女性、不吸烟、既往史、术后用阿片。'],
  ['肾功能不全的肌松药选择', 9 * DAY, '顺式阿曲库铵经霍夫曼消除，不依赖肾功能。'],
  ['硬膜外分娩镇痛的禁忌', 9.1 * DAY, '凝血异常、穿刺部位感染、产妇拒绝、未纠正的低血容量。'],
  ['老年患者丙泊酚诱导剂量', 12 * DAY, '减量并缓慢滴定，观察意识与血压。'],
];
const QUESTIONS = {
  恶性高热的首要处理: '七氟烷诱导后 20 分钟，EtCO₂ 升到 68 mmHg，体温 38.9 ℃，咬肌紧。先做什么？',
};

/** @param {number} now milliseconds @returns {string} a file that the settings screen imports */
export function seedHistory(now) {
  serial = 0;
  return JSON.stringify({
    format: 'hypnos-history/1',
    conversations: CONVERSATIONS.map(([title, age, answer, more = {}]) => {
      const at = Math.round(now - age);
      const question = { id: id(), parentId: null, role: 'user', text: QUESTIONS[title] ?? `${title}？` };
      const reply = { id: id(), parentId: question.id, role: 'assistant', text: answer };
      const common = { createdAt: at, droppedTurns: 0, errorCode: null };
      return {
        id: id(),
        title,
        createdAt: at,
        updatedAt: at,
        pinned: false,
        activeLeafId: reply.id,
        systemPrompt: null,
        sampling: null,
        messages: [
          { ...question, ...common, finishReason: null, stats: null, model: null },
          { ...reply, ...common, createdAt: at + 1, finishReason: 'stop', stats: null, model: EXAMPLE },
        ],
        ...more,
      };
    }),
  });
}
