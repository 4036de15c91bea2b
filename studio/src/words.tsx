/** Every word of the page, in English and in Simplified Chinese. */
import { createContext, useContext, useMemo, useState } from "react";
import type { ReactNode } from "react";

const EN = {
  colon: ": ",
  comma: ", ",
  semicolon: "; ",
  label: "Label",
  items: "Items",
  team: "Team",
  instructions: "Instructions",
  signIn: "Sign in",
  signOut: "Sign out",
  name: "Name",
  password: "Password",
  join: "Join",
  joinAs: (role: string) => `You are invited as ${role}.`,
  noInvitation: "This invitation was used or is too old. Ask for another one.",
  passwordRule: "10 characters or more",
  submit: "Submit",
  skip: "Skip",
  undo: "Undo",
  help: "Keys",
  close: "Close",
  labels: "Labels",
  proposal: "The model’s proposal",
  sure: (percent: string) => `${percent} sure`,
  accept: "Accept",
  reasons: "Shaded words speak for the proposal",
  learned: (labels: number) => `The model learned from ${labels} labels`,
  rightSoFar: (percent: string) => `of its last proposals, ${percent} were right`,
  learning: "The model learns as you label. It needs two different labels to begin.",
  finished: "Everything is labelled.",
  finishedMore: "There is nothing left for you. Undo goes back.",
  progress: (done: number, all: number) => `${done} of ${all}`,
  stored: "Stored",
  sending: (n: number) => `Sending ${n}`,
  offline: (n: number) => `No connection: ${n} kept here, sent again soon`,
  refused: "Not stored",
  position: (n: number) => `Item ${n}`,
  language: "中文",
  theme: "Light or dark",
  active: "Label for new marks",
  none: "nothing yet",
  remove: "Remove",
  predicate: "Predicate",
  frames: "Predicates and their arguments",
  newFrame: "Select the predicate, then press P",
  boxHelp: "Drag to draw. N draws with the keys.",
  polygonHelp: "Click each corner, and the first one again to close. N draws with the keys.",
  role: "Role",
  owner: "owner",
  adjudicator: "adjudicator",
  annotator: "annotator",
  invite: "Invite",
  inviteLink: "This link works once, for seven days:",
  submitted: "Submitted",
  skipped: "Skipped",
  seconds: "Seconds an item",
  gold: "Known answers right",
  agreement: "Agreement",
  alpha: "Krippendorff’s α",
  f1: "Mean F1 of pairs",
  noAgreement: "Nobody has answered the same item as somebody else.",
  all: "All",
  disputed: "Disputed",
  decide: "Decide for this",
  decided: "Decided",
  makeGold: "Make it a known answer",
  isGold: "Known answer",
  notGold: "No longer a known answer",
  answers: "Answers",
  skipToMain: "To the content",
  loading: "Loading …",
  failed: "That did not work",
  unreachable: "the server does not answer",
  again: "Try again",
  word: "Word",
  keys: {
    label: "Label keys: choose, or mark the selection",
    submit: "Submit",
    skip: "Skip",
    undo: "Undo",
    move: "Move to the next or previous word; with Shift, select several",
    remove: "Remove the mark at the word, or the selected region",
    predicate: "Make the selection a predicate",
    draw: "Draw with the keys: arrows move, Shift + arrows resize; with polygons, Space sets a point, Enter closes",
    next: "Select the next region",
    accept: "Accept the proposal",
    help: "Show the keys",
  },
};

const ZH: typeof EN = {
  colon: "：",
  comma: "，",
  semicolon: "；",
  label: "标注",
  items: "条目",
  team: "团队",
  instructions: "说明",
  signIn: "登录",
  signOut: "退出登录",
  name: "姓名",
  password: "密码",
  join: "加入",
  joinAs: (role) => `你受邀成为${role}。`,
  noInvitation: "这个邀请已被使用或已过期，请再要一个。",
  passwordRule: "至少 10 个字符",
  submit: "提交",
  skip: "跳过",
  undo: "撤销",
  help: "按键",
  close: "关闭",
  labels: "标签",
  proposal: "模型的建议",
  sure: (percent) => `把握 ${percent}`,
  accept: "采纳",
  reasons: "着色的词支持这个建议",
  learned: (labels) => `模型已从 ${labels} 条标注中学习`,
  rightSoFar: (percent) => `最近的建议有 ${percent} 是对的`,
  learning: "模型边标边学，有了两种不同的标签就开始。",
  finished: "全部标完了。",
  finishedMore: "没有留给你的条目了。可以撤销返回。",
  progress: (done, all) => `${done} / ${all}`,
  stored: "已保存",
  sending: (n) => `正在发送 ${n} 条`,
  offline: (n) => `连接中断：${n} 条暂存在本页，稍后重发`,
  refused: "未保存",
  position: (n) => `第 ${n} 条`,
  language: "English",
  theme: "浅色或深色",
  active: "新标记的标签",
  none: "还没有",
  remove: "删除",
  predicate: "谓词",
  frames: "谓词及其论元",
  newFrame: "选中谓词，再按 P",
  boxHelp: "拖动鼠标绘制；按 N 用键盘绘制。",
  polygonHelp: "逐个点击顶点，再点第一个顶点闭合；按 N 用键盘绘制。",
  role: "角色",
  owner: "所有者",
  adjudicator: "仲裁员",
  annotator: "标注员",
  invite: "邀请",
  inviteLink: "此链接只能使用一次，七天内有效：",
  submitted: "已提交",
  skipped: "已跳过",
  seconds: "每条用时（秒）",
  gold: "已知答案答对",
  agreement: "一致性",
  alpha: "Krippendorff α",
  f1: "两两 F1 的平均值",
  noAgreement: "还没有两个人标过同一条。",
  all: "全部",
  disputed: "有分歧",
  decide: "以此为准",
  decided: "已裁定",
  makeGold: "设为已知答案",
  isGold: "已知答案",
  notGold: "不再作为已知答案",
  answers: "回答",
  skipToMain: "跳到正文",
  loading: "正在载入……",
  failed: "没有成功",
  unreachable: "服务器没有响应",
  again: "重试",
  word: "词",
  keys: {
    label: "标签键：选择标签，或标记选中的文字",
    submit: "提交",
    skip: "跳过",
    undo: "撤销",
    move: "移到下一个或上一个词；按住 Shift 可选多个",
    remove: "删除该词上的标记，或选中的区域",
    predicate: "把选中的文字作为谓词",
    draw: "用键盘绘制：方向键移动，Shift + 方向键改变大小；多边形用空格加点，Enter 闭合",
    next: "选中下一个区域",
    accept: "采纳建议",
    help: "显示按键",
  },
};

export type Language = "en" | "zh";
export type Words = typeof EN;

interface Spoken {
  readonly language: Language;
  readonly words: Words;
  readonly setLanguage: (language: Language) => void;
}

const Context = createContext<Spoken>({ language: "en", words: EN, setLanguage: () => undefined });

const usual = (): Language => {
  const kept = localStorage.getItem("descent-language");
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
};

export function WordsProvider({ children }: { readonly children: ReactNode }) {
  const [language, set] = useState(usual);
  const spoken = useMemo<Spoken>(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    return {
      language,
      words: language === "zh" ? ZH : EN,
      setLanguage(chosen) {
        localStorage.setItem("descent-language", chosen);
        set(chosen);
      },
    };
  }, [language]);
  return <Context value={spoken}>{children}</Context>;
}

export const useWords = (): Words => useContext(Context).words;
export const useLanguage = (): Spoken => useContext(Context);
export const percent = (share: number): string => `${Math.round(100 * share)} %`;
