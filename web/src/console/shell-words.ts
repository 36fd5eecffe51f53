export const words = {
  zh: {
    title: '指挥中心',
    desks: { board: '态势', hotline: '热线', verification: '核查', teams: '队伍', replay: '回放', leader: '值班长', admin: '管理' },
    line: {
      live: '实时', connecting: '正在连接', catching_up: '正在追上', lost: '连接中断', ended: '已停止',
      age: '画面停在 {age} 前，追上之前请勿据此判断', connectingLong: '正在取得全局画面',
      ended_too_many: '同一账号打开的实时画面过多，请关闭其他窗口后刷新。', ended_not_allowed: '您的角色没有实时画面。', ended_broken: '实时通道出错，请刷新页面。',
    },
    bell: { title: '告警', mute: '静音', muted: '已静音', none: '暂无告警', clear: '全部看过', open: '打开案卷', kinds: '按类别静音' },
    alarm: { search: '寻找队伍告警', clock: '超时', gap: '救助圈缺口', new_case: '新线索待受理', approval: '审批申请', critical: '紧急案卷' },
    theme: { dark: '深色', light: '浅色', auto: '跟随系统' },
    out: '退出', help: '快捷键', language: 'English', close: '关闭', cancel: '取消', confirm: '确定', save: '保存', reason: '理由', sending: '已发出，等待确认…',
    loading: '正在取数…', none: '无', retry: '重试', minutes: '{n} 分钟', m: '{n} 米', km: '{n} 公里', skip: '跳到主要内容',
    signedOut: { expired: '登录已过期，请重新登录。', revoked: '您的登录已被结束，请重新登录。', signed_out: '您已退出。' },
    keys: {
      title: '键盘', desks: '切换席位', bell: '告警', help: '本说明', board: '态势席', move: '上一条 / 下一条案卷', open: '打开案卷', accept: '受理',
      assign: '指派（改派）队伍', join: '并案', widen: '扩大搜索', filter: '筛选', map: '定位到地图', back: '返回队列', hotline: '热线席', new: '新来电',
    },
  },
  en: {
    title: 'Control room',
    desks: { board: 'Board', hotline: 'Hotline', verification: 'Verification', teams: 'Teams', replay: 'Replay', leader: 'Shift leader', admin: 'Administration' },
    line: {
      live: 'Live', connecting: 'Connecting', catching_up: 'Catching up', lost: 'Line lost', ended: 'Stopped',
      age: 'This picture is {age} old; do not decide by it until it has caught up', connectingLong: 'Fetching the picture',
      ended_too_many: 'This account has too many live pictures open: close another window and reload.', ended_not_allowed: 'Your role has no live picture.',
      ended_broken: 'The live feed broke: reload the page.',
    },
    bell: { title: 'Alarms', mute: 'Mute', muted: 'Muted', none: 'No alarms', clear: 'All seen', open: 'Open the case', kinds: 'Mute by kind' },
    alarm: { search: 'Search alarm', clock: 'Clock missed', gap: 'Gap in the circle', new_case: 'New sighting to accept', approval: 'Approval asked', critical: 'Critical case' },
    theme: { dark: 'Dark', light: 'Light', auto: 'As the system' },
    out: 'Sign out', help: 'Keys', language: '中文', close: 'Close', cancel: 'Cancel', confirm: 'Confirm', save: 'Save', reason: 'Reason', sending: 'Sent, waiting…',
    loading: 'Loading…', none: 'None', retry: 'Retry', minutes: '{n} min', m: '{n} m', km: '{n} km', skip: 'Skip to the main part',
    signedOut: { expired: 'Your session is over: sign in again.', revoked: 'Your session was ended: sign in again.', signed_out: 'You have signed out.' },
    keys: {
      title: 'Keyboard', desks: 'Change desk', bell: 'Alarms', help: 'This help', board: 'Board', move: 'Previous / next case', open: 'Open the case', accept: 'Accept',
      assign: 'Assign (re-assign) a team', join: 'Join', widen: 'Search wider', filter: 'Filter', map: 'Show on the map', back: 'Back to the queue', hotline: 'Hotline', new: 'New call',
    },
  },
}
