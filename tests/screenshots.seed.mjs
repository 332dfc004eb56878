// The older conversations in the screenshots' list: written by hand as an example of form, not a model's output, and labelled so.
const EXAMPLE = { id: 'example', title: '示例文字，非模型输出' };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let serial = 0;
const id = () => `00000000-0000-4000-8000-${String((serial += 1)).padStart(12, '0')}`;

const CONVERSATIONS = [
  ['恶性高热的首要处理', 0.2 * HOUR, '停用触发药物，呼救，取丹曲林。', { pinned: true }],
  ['剖宫产腰麻后低血压', 1.5 * HOUR, '左侧倾斜、补液，首选去氧肾上腺素；心率慢时考虑麻黄碱。'],
  ['OSA 患儿扁桃体术后', 26 * HOUR, '对阿片类更敏感，应减量并延长监护。'],
  ['困难气道：评估与备案', 30 * HOUR, '评估张口度、甲颏距离、颈部活动度，备好视频喉镜与声门上气道。'],
  ['局麻药全身毒性的脂肪乳用量', 3 * DAY, '20% 脂肪乳 1.5 mL/kg 单次静注，再以 0.25 mL/(kg·min) 输注。'],
  ['术后恶心呕吐的风险评分', 3.2 * DAY, 'Apfel 评分：女性、不吸烟、既往史、术后用阿片。'],
  ['肾功能不全的肌松药选择', 9 * DAY, '顺式阿曲库铵经霍夫曼消除，不依赖肾功能。'],
  ['硬膜外分娩镇痛的禁忌', 9.1 * DAY, '凝血异常、穿刺部位感染、产妇拒绝、未纠正的低血容量。'],
  ['老年患者丙泊酚诱导剂量', 12 * DAY, '减量并缓慢滴定，观察意识与血压。'],
];
/** @param {number} now milliseconds @returns {string} a file that the settings screen imports */
export function seedHistory(now) {
  serial = 0;
  return JSON.stringify({
    format: 'hypnos-history/1',
    conversations: CONVERSATIONS.map(([title, age, answer, more = {}]) => {
      const at = Math.round(now - age);
      const question = { id: id(), parentId: null, role: 'user', text: `${title}？` };
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
