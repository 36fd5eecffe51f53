export const words = {
  zh: {
    trouble: '地图暂时打不开。', label: '实时地图', layers: '图层', legend: '图例',
    layer: { circle: '救助圈（H3 网格）', regions: '辖区', sightings: '以往线索（30 天）', tracks: '今日轨迹', facilities: '救助机构', cases: '案卷', teams: '队伍' },
    circle: { share: '圈内 {share}%（按风险加权）', free: '空闲队伍 {n} 支', gaps: '缺口 {n} 格', at: '{at} 的救助圈', minutes: '到最近空闲队伍的分钟数', gap: '30 分钟内无队可达（虚线）', unavailable: '救助圈暂时算不出' },
    team: { fix: '定位 {age} 前', stale: '定位已过时：{age} 前', nofix: '没有定位', free: '约 {at} 空闲', shift: '班次至 {at}' },
    facility: { capacity: '容量 {n}', takes: '接收：{whom}' },
    route: { line: '{team}：{minutes} 分钟，{km} 公里', none: '没有道路可达' },
    light: '案卷灯', state: '队伍状态',
  },
  en: {
    trouble: 'The map cannot be shown right now.', label: 'Live map', layers: 'Layers', legend: 'Legend',
    layer: { circle: 'Rescue circle (H3 cells)', regions: 'Regions', sightings: 'Past sightings (30 days)', tracks: 'Tracks of today', facilities: 'Facilities', cases: 'Cases', teams: 'Teams' },
    circle: { share: '{share}% inside (by risk)', free: '{n} teams free', gaps: '{n} cells outside', at: 'The circle at {at}', minutes: 'Minutes to the nearest free team', gap: 'Nobody within 30 minutes (dashed)', unavailable: 'The circle cannot be computed now' },
    team: { fix: 'Fix {age} ago', stale: 'Old fix: {age} ago', nofix: 'No fix', free: 'Free about {at}', shift: 'Shift until {at}' },
    facility: { capacity: 'Capacity {n}', takes: 'Takes: {whom}' },
    route: { line: '{team}: {minutes} min, {km} km', none: 'No way by road' },
    light: 'Lights of cases', state: 'States of teams',
  },
}
