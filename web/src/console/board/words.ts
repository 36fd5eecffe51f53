export const words = {
  zh: {
    queue: '案卷队列', count: '{shown} / {all} 件', empty: '没有符合条件的案卷', allDone: '目前没有在办案卷', due: '先到时：{clock}', people: '{n} 人', sightings: '{n} 条线索',
    offered: '派遣 {team}，{left} 内应答', with: '{team}', nobody: '还没有队伍', loading: '正在取得全局画面…',
    filter: { text: '案卷号、地点', region: '辖区', stage: '环节', channel: '来源', danger: '危险情形', light: '灯', any: '全部', clear: '清除筛选', on: '已筛选', alarmed: '只看告警' },
    summary: { red: '超时', yellow: '将到时', green: '正常', free: '空闲队伍', open: '在办' },
    pick: '选择一件案卷，或按 ↑ ↓', jump: '地图',
  },
  en: {
    queue: 'Queue', count: '{shown} of {all}', empty: 'No case fits the filter', allDone: 'No open cases now', due: 'Due first: {clock}', people: '{n} people', sightings: '{n} sightings',
    offered: 'Offered to {team}, {left} to answer', with: '{team}', nobody: 'No team yet', loading: 'Fetching the picture…',
    filter: { text: 'Number, place', region: 'Region', stage: 'Stage', channel: 'Channel', danger: 'Danger', light: 'Light', any: 'All', clear: 'Clear the filter', on: 'Filtered', alarmed: 'Alarms only' },
    summary: { red: 'Over', yellow: 'Soon', green: 'In time', free: 'Free teams', open: 'Open' },
    pick: 'Choose a case, or press ↑ ↓', jump: 'Map',
  },
}
