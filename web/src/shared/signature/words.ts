/** Words of the field for signatures, on the console and on the phone. */
import type { Words } from '../words'

export const words: Words = {
  zh: {
    sign: '签名',
    again: '重签',
    signed: '已签名',
    none: '未签名',
    help: '请本人用手指、触控笔或鼠标在框内签写姓名。',
    clear: '清除重写',
    keep: '确定',
    cancel: '取消',
    remove: '撤去签名',
    short: '请完整签写姓名。',
  },
  en: {
    sign: 'Sign',
    again: 'Sign again',
    signed: 'signed',
    none: 'not signed',
    help: 'Write your name in the box with a finger, a pen or the mouse.',
    clear: 'Clear',
    keep: 'Keep',
    cancel: 'Cancel',
    remove: 'Take the signature away',
    short: 'Write the whole name.',
  },
}
