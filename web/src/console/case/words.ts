export const words = {
  zh: {
    loading: '正在取案卷…', gone: '案卷不在当前画面中', opened: '立案', seen: '最近看到', version: '第 {n} 版', close: '收起', joinedInto: '已并入另一案卷',
    call: '先拨打', tabs: { overview: '概况', why: '派遣理由', timeline: '时间线', sightings: '线索', visits: '处置' },
    clocks: '时限', offers: '派遣', noOffers: '尚未派遣', people: '受助人数', looks: '特征', address: '地点', dangers: '危险情形', extended: '已延时 {n} 次', missed: '超时 {n} 次',
    eta: '约 {n} 分钟', decline: '理由：{reason}',
    act: {
      accept: '受理', refuse: '不予受理', assign: '指派队伍', reassign: '改派队伍', withdraw: '收回派遣', widen: '扩大搜索', join: '并案', unjoin: '撤销并案', split: '拆案',
      ask: '挂账 / 延时 / 回退 / 作废', resume: '恢复办理',
    },
    needs: { reason: '理由（必填，会记入案卷）', note: '补充说明（选填）', by: '延长多久', code: '不予受理理由', action: '申请事项' },
    send: '确定', approval: '由他人审批；批准后立即执行。', waiting: '等待审批：{action}', reasons: ['更近', '熟悉情况', '需要该队技能', '原队伍有变', '群众再次来电'],
    assign: {
      heading: '指派哪支队伍', find: '按队名、编号筛选', minutes: '{n} 分钟', candidate: '候选', busy: '在办他案', here: '正在本案', none: '没有符合的队伍', route: '看路线', hint: '↑ ↓ 选择，Enter 确定',
    },
    join: {
      heading: '并入哪件案卷', hint: '本案的线索将归入所选案卷，本案结束；可撤销，每位报告人仍会得到答复。', suggested: '疑似重复 {n}%', near: '相距 {n} 米', after: '并案后', sum: '{n} 条线索', keep: '保留', goes: '并入', none: '附近没有在办案卷',
    },
    split: { heading: '哪些线索另立案卷', stays: '留在本案', leaves: '另立新案', choose: '至少留一条、拆一条' },
    why: {
      none: '还没有派遣决策', chosen: '选中', nobody: '没有派出', made: '{at} · 第 {round} 轮第 {phase} 步 · {n} 支候选', minutes: '{n} 分', cost: '折算 {n} 分', road: '按道路', straight: '按直线', by: '人工指派',
      reason: {
        without_required_skill: '缺少必需技能 {about}', crew_too_small: '队员仅 {about} 人', without_skill: '缺少技能 {about}', other_region: '属其他辖区', shift_ends_soon: '临近下班',
        stale_position: '位置未及时更新', cases_today: '今日已接 {about} 案',
      },
      none_against: '没有不利因素', sec: '+{n} 秒', best: '综合最优',
    },
    timeline: { none: '暂无记录', system: '系统', occurred: '发生 {at}', words: '说明' },
    sighting: { n: '线索 {n}', people: '{n} 人', accuracy: '精度 {n} 米', contacts: '查看报告人电话', contactsNote: '每次查看都会记录', photo: '照片 {n}', showPhoto: '查看照片', callBack: '要求回访', noPhone: '未留电话', recording: '录音 {ref}' },
    visit: { arrived: '到达 {at}', handled: '处置 {at}', verified: '核查 {at}', none: '尚无处置', outcome: '结果', by: '{who}' },
  },
  en: {
    loading: 'Fetching the case…', gone: 'The case is not in this picture', opened: 'Opened', seen: 'Last seen', version: 'Version {n}', close: 'Close', joinedInto: 'Joined into another case',
    call: 'Call first', tabs: { overview: 'Overview', why: 'Why this team', timeline: 'Timeline', sightings: 'Sightings', visits: 'Handling' },
    clocks: 'Clocks', offers: 'Offers', noOffers: 'Not offered yet', people: 'People', looks: 'Looks', address: 'Place', dangers: 'Dangers', extended: 'Extended {n}×', missed: 'Missed {n}×',
    eta: 'about {n} min', decline: 'Reason: {reason}',
    act: {
      accept: 'Accept', refuse: 'Refuse', assign: 'Assign a team', reassign: 'Re-assign', withdraw: 'Take back', widen: 'Search wider', join: 'Join', unjoin: 'Undo the join', split: 'Split',
      ask: 'Suspend / extend / return / void', resume: 'Resume',
    },
    needs: { reason: 'Reason (needed, kept with the case)', note: 'Note (if you like)', by: 'By how much', code: 'Why it is refused', action: 'What is asked' },
    send: 'Confirm', approval: 'Somebody else decides; done at once when granted.', waiting: 'Waiting for approval: {action}', reasons: ['Nearer', 'Knows the place', 'Its skills are needed', 'The first team cannot', 'The caller rang again'],
    assign: {
      heading: 'Which team goes', find: 'Filter by name or code', minutes: '{n} min', candidate: 'Candidate', busy: 'On another case', here: 'On this case', none: 'No such team', route: 'Show the way', hint: '↑ ↓ choose, Enter confirms',
    },
    join: {
      heading: 'Into which case', hint: 'This case’s sightings move there and this case ends; reversible, and every reporter still gets an answer.', suggested: '{n}% alike', near: '{n} m away', after: 'After joining', sum: '{n} sightings', keep: 'Stays', goes: 'Joins', none: 'No open case nearby',
    },
    split: { heading: 'Which sightings become a case of their own', stays: 'Stay here', leaves: 'New case', choose: 'At least one stays and one leaves' },
    why: {
      none: 'No decision yet', chosen: 'Chosen', nobody: 'Nobody was sent', made: '{at} · round {round} phase {phase} · {n} candidates', minutes: '{n} min', cost: 'counts as {n} min', road: 'by road', straight: 'straight line', by: 'Assigned by hand',
      reason: {
        without_required_skill: 'lacks the required skill {about}', crew_too_small: 'a crew of only {about}', without_skill: 'lacks the skill {about}', other_region: 'another region', shift_ends_soon: 'shift ends soon',
        stale_position: 'position is stale', cases_today: '{about} cases today',
      },
      none_against: 'Nothing against it', sec: '+{n} s', best: 'Best overall',
    },
    timeline: { none: 'Nothing yet', system: 'System', occurred: 'happened {at}', words: 'Words' },
    sighting: { n: 'Sighting {n}', people: '{n} people', accuracy: 'within {n} m', contacts: 'Show the reporter’s number', contactsNote: 'Every look is recorded', photo: 'Photo {n}', showPhoto: 'Show the photo', callBack: 'Wants a call back', noPhone: 'No number left', recording: 'Recording {ref}' },
    visit: { arrived: 'Arrived {at}', handled: 'Handled {at}', verified: 'Verified {at}', none: 'Not handled yet', outcome: 'Outcome', by: '{who}' },
  },
}
