import { words as people } from './people-words'

/** The policy's own words stand beside its tab. */
export const words = {
  zh: {
    tabs: { people: '人员', teams: '队伍', facilities: '机构', regions: '辖区', policy: '规则', audit: '日志与审计' },
    readOnly: '您的角色只能查看，不能修改。', add: '新增', change: '修改', save: '保存', saved: '已保存', find: '查找', all: '全部', none: '没有符合的', more: '更多', pick: '在地图上点选位置', picked: '已选 {lon}, {lat}',
    people: people.zh,
    teams: {
      add: '新增队伍', change: '修改队伍', code: '编号', name: '队名', organisation: '单位', mode: '出行方式', size: '人数', women: '有女队员', skills: '技能', regions: '辖区', base: '驻地', mobilisation: '集结用时（秒）', pattern: '轮班',
      active: '在用', inactive: '停用', state: '状态', patterns: { '24h': '24 小时', day: '白班', night: '夜班' }, hint: '修改后各席位画面随即更新；停用前须先下班。',
    },
    facilities: {
      add: '新增机构', change: '修改机构', code: '编号', kind: '类别', name: '名称', address: '地址', phone: '电话', capacity: '容纳人数', takes: '接收对象（逗号分隔）', hidden: '不公开（庇护场所）', open: '公开',
      hiddenNote: '不公开的场所只有本辖区有权人员看得到；日志与实时画面都不含其位置。',
    },
    regions: { name: '辖区', code: '代码', level: '级别', parent: '上级', hint: '辖区来自城市目录 regions.geojson，更换后重新执行 rescue city load。', count: '{n} 个辖区' },
    audit: {
      log: '日志检索', looks: '个人信息查看记录', kind: '事项', who: '操作人', case: '案卷编号', since: '自', until: '至', search: '检索', newer: '较新', older: '较旧', seq: '序号', at: '记录时间', what: '事项', about: '对象', data: '内容', system: '系统', public: '群众',
      happened: '发生于 {at}', nobody: '不限', showData: '展开', kinds: { '': '全部', 'case.': '案卷', 'offer.': '派遣', 'clock.': '时限', 'approval.': '审批', 'team.': '队伍', 'account.': '账号', 'session.': '登录', 'facility.': '机构', 'sighting.': '线索', 'look.': '查看', 'call.': '来电', 'policy.': '规则', 'circle.': '救助圈', 'retention.': '到期清理' },
      look: { file_read: '查看案卷内容', searched: '按号码查询', call_read: '打开同事暂存的来电', contact_read: '查看联系方式', photo_read: '查看照片' }, onlyYours: '只显示您有权查看的事项。', export: '导出本页', hash: '链式校验由 rescue audit verify 执行',
    },
  },
  en: {
    tabs: { people: 'People', teams: 'Teams', facilities: 'Facilities', regions: 'Regions', policy: 'Policy', audit: 'Log and audit' },
    readOnly: 'Your role reads here and changes nothing.', add: 'Add', change: 'Change', save: 'Save', saved: 'Saved', find: 'Find', all: 'All', none: 'None found', more: 'More', pick: 'Click the map to mark the place', picked: 'Marked {lon}, {lat}',
    people: people.en,
    teams: {
      add: 'Add a team', change: 'Change the team', code: 'Code', name: 'Name', organisation: 'Organisation', mode: 'Moves by', size: 'Crew', women: 'A woman in the crew', skills: 'Skills', regions: 'Regions', base: 'Base', mobilisation: 'Mobilisation (s)', pattern: 'Shift pattern',
      active: 'In use', inactive: 'Out of use', state: 'State', patterns: { '24h': '24 hours', day: 'Day', night: 'Night' }, hint: 'Every screen follows at once; off duty before it goes out of use.',
    },
    facilities: {
      add: 'Add a facility', change: 'Change the facility', code: 'Code', kind: 'Kind', name: 'Name', address: 'Address', phone: 'Phone', capacity: 'Capacity', takes: 'Takes (commas between)', hidden: 'Hidden (shelter)', open: 'Open',
      hiddenNote: 'A hidden place is known to its own region’s staff only; neither log nor live picture says where it is.',
    },
    regions: { name: 'Region', code: 'Code', level: 'Level', parent: 'Lies in', hint: 'Regions come from the city’s folder (regions.geojson); after a change run rescue city load.', count: '{n} regions' },
    audit: {
      log: 'Search the log', looks: 'Looks at personal data', kind: 'Kind', who: 'Who', case: 'Case number', since: 'Since', until: 'Until', search: 'Search', newer: 'Newer', older: 'Older', seq: 'No.', at: 'Recorded', what: 'What', about: 'About', data: 'Details', system: 'System', public: 'Public',
      happened: 'happened {at}', nobody: 'Anybody', showData: 'Open', kinds: { '': 'All', 'case.': 'Cases', 'offer.': 'Offers', 'clock.': 'Clocks', 'approval.': 'Approvals', 'team.': 'Teams', 'account.': 'Accounts', 'session.': 'Signing in', 'facility.': 'Facilities', 'sighting.': 'Sightings', 'look.': 'Looks', 'call.': 'Calls', 'policy.': 'Policy', 'circle.': 'Circle', 'retention.': 'Retention' },
      look: { file_read: 'Read a file', searched: 'Searched a number', call_read: 'Opened a colleague’s parked call', contact_read: 'Read a contact', photo_read: 'Opened a photo' }, onlyYours: 'Only what you may see.', export: 'Save this page', hash: 'The chain is verified by rescue audit verify',
    },
  },
}
