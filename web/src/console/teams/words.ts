export const words = {
  zh: {
    title: '巡查队', count: '{shown} / {all} 支', find: '队名、编号、技能', all: '全部状态', none: '没有符合的队伍',
    views: { teams: '队伍', shifts: '班次', moves: '移防建议' },
    head: { team: '队伍', doing: '正在', shift: '班次到', fix: '定位', free: '预计空闲', skills: '技能', today: '案卷' },
    fixAge: '{age}前', noFix: '无定位', stale: '{age}前（陈旧）', resting: '已休整 {age}', since: '{age}', shiftOver: '班次已过', noShift: '未排班', about: '约 {at}',
    crew: '{n} 人', women: '有女队员', choose: '选择一支队伍，查看与调整', hint: '↑ ↓ 选择，1 上岗，2 休整，3 下班，E 改技能，/ 查找',
    duty: { heading: '在岗状态', on_duty: '上岗', resting: '休整', off_duty: '下班', byDesk: '由值班席代队伍操作，会记入日志。', held: '手上有案卷或派遣，须先办结。' },
    skills: { heading: '技能', edit: '修改', save: '保存技能', none: '无', saved: '已保存' },
    shift: {
      heading: '今明班次', add: '排班', none: '今明两天未排班', from: '开始', to: '结束', team: '队伍', save: '保存', cancel: '取消这个班次', change: '调整班次', new: '新增班次', sure: '再按一次，确认取消', today: '今天', tomorrow: '明天',
      running: '进行中', hint: '点班次调整，点空白处新增；同一队伍的班次不能重叠。', mine: '只看在岗', pattern: '轮班 {name}',
    },
    pattern: { '24h': '24 小时', day: '白班', night: '夜班' },
    move: {
      heading: '移防建议', none: '当前救助圈没有因移防而改善的缺口', fresh: '按此刻空闲队伍与道路时间计算', gain: '{n} 个网格 {before} → {after} 分钟', out: '圈外', lose: '其间 {n} 个网格变远', drive: '车程 {n} 分钟', again: '重新计算', told: '移防由值班席电话通知队伍，队伍到位后救助圈自动更新。',
    },
    next: { now: '空闲', unknown: '—' },
    caseNow: '在办案卷', open: '看案卷', base: '驻地', organisation: '单位', regions: '辖区', sent: '已发出，等待确认…',
  },
  en: {
    title: 'Teams', count: '{shown} of {all}', find: 'Name, code, skill', all: 'Any state', none: 'No such team',
    views: { teams: 'Teams', shifts: 'Shifts', moves: 'Move-up' },
    head: { team: 'Team', doing: 'Doing', shift: 'Shift until', fix: 'Fix', free: 'Free about', skills: 'Skills', today: 'Case' },
    fixAge: '{age} ago', noFix: 'no fix', stale: '{age} ago (stale)', resting: 'resting for {age}', since: '{age}', shiftOver: 'shift is over', noShift: 'not planned', about: 'about {at}',
    crew: 'crew of {n}', women: 'a woman in the crew', choose: 'Choose a team to look at and to change', hint: '↑ ↓ choose, 1 on duty, 2 rest, 3 off duty, E skills, / find',
    duty: { heading: 'Duty', on_duty: 'On duty', resting: 'Rest', off_duty: 'Off duty', byDesk: 'The desk does it for the team; it is recorded.', held: 'It holds a case or an offer, which is settled first.' },
    skills: { heading: 'Skills', edit: 'Change', save: 'Save skills', none: 'none', saved: 'Saved' },
    shift: {
      heading: 'Shifts today and tomorrow', add: 'Plan', none: 'Not planned today or tomorrow', from: 'From', to: 'To', team: 'Team', save: 'Save', cancel: 'Cancel this shift', change: 'Move the shift', new: 'New shift', sure: 'Press again to cancel it', today: 'Today', tomorrow: 'Tomorrow',
      running: 'running', hint: 'Click a shift to move it, an empty place for a new one; two shifts of one team never overlap.', mine: 'On duty only', pattern: 'pattern {name}',
    },
    pattern: { '24h': '24 hours', day: 'day', night: 'night' },
    move: {
      heading: 'Move-up', none: 'No gap of the circle would close by moving a team', fresh: 'From the teams free now, by road time', gain: '{n} cells {before} → {after} min', out: 'beyond', lose: '{n} cells become farther', drive: '{n} min drive', again: 'Compute again', told: 'The desk tells the team by phone; the circle follows once it is there.',
    },
    next: { now: 'free', unknown: '—' },
    caseNow: 'Case', open: 'Open the case', base: 'Base', organisation: 'Organisation', regions: 'Regions', sent: 'Sent, waiting…',
  },
}
