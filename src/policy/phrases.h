/* The phrases of `agreement explain`, in English, Japanese and Korean; one row each. Private to this room. %s stands for
 * what is filled in, in the same order in every language. */
#ifndef RENKEI_POLICY_PHRASES_H
#define RENKEI_POLICY_PHRASES_H

#define POLICY_PHRASES(X)                                                                                              \
    X(PARTIES, "Parties", "当事者", "당사자")                                                                          \
    X(IN_FORCE, "In force from %s until %s.", "%s から %s まで有効。", "%s부터 %s까지 유효합니다.")                    \
    X(REVIEW, "To be reviewed on %s.", "見直し期日：%s。", "재검토 기일: %s.")                                         \
    X(AMENDS, "It amends an earlier version.", "以前の版を改正するものである。", "이전 판을 개정한 것입니다.")         \
    X(DIRECTION, "What %s gives to %s", "%s が %s に提供するもの", "%s이(가) %s에 제공하는 것")                        \
    X(ORDER, "The first clause that applies decides. What no clause covers is withheld.",                              \
      "最初に当てはまる条項が適用される。どの条項にも当てはまらないものは提供しない。",                                \
      "가장 먼저 해당하는 조항이 적용됩니다. 어느 조항에도 해당하지 않는 것은 제공하지 않습니다.")                     \
    X(NO_RULES, "Nothing is released.", "何も提供しない。", "아무것도 제공하지 않습니다.")                             \
    X(NO_TLP_AS, "What carries no TLP counts as %s.", "TLP の表示がないものは %s とみなす。",                          \
      "TLP 표시가 없는 것은 %s(으)로 봅니다.")                                                                         \
    X(NO_TLP_WITHHELD, "What carries no TLP is withheld.", "TLP の表示がないものは提供しない。",                       \
      "TLP 표시가 없는 것은 제공하지 않습니다.")                                                                       \
    X(RELEASE, "Clause %s: released.", "条項 %s：提供する。", "조항 %s: 제공한다.")                                    \
    X(WITHHOLD, "Clause %s: withheld.", "条項 %s：提供しない。", "조항 %s: 제공하지 않는다.")                          \
    X(PERMIT, "Clause %s: may be passed on.", "条項 %s：第三者に提供してよい。", "조항 %s: 제3자에게 제공할 수 있다.") \
    X(CONSENT, "Clause %s: may be passed on with the originator's consent.",                                           \
      "条項 %s：情報源の同意を得て第三者に提供してよい。", "조항 %s: 출처의 동의를 받아 제3자에게 제공할 수 있다.")    \
    X(FORBID, "Clause %s: may not be passed on.", "条項 %s：第三者に提供してはならない。",                             \
      "조항 %s: 제3자에게 제공할 수 없다.")                                                                            \
    X(ONWARD, "Passing on to third parties (otherwise forbidden):", "第三者への提供（定めのない場合は禁止）：",        \
      "제3자 제공(정함이 없으면 금지):")                                                                               \
    X(TYPES, "kinds of object: %s", "オブジェクトの種類：%s", "객체의 종류: %s")                                       \
    X(LEVELS, "TLP: %s", "TLP：%s", "TLP: %s")                                                                         \
    X(PAPS, "PAP: %s", "PAP：%s", "PAP: %s")                                                                           \
    X(ANY_OF, "at least one of the following (%s): %s", "次のいずれか（%s）：%s", "다음 중 하나 이상(%s): %s")         \
    X(NONE_OF, "none of the following (%s): %s", "次のいずれでもない（%s）：%s", "다음 중 어느 것도 아님(%s): %s")     \
    X(CONFIDENCE, "confidence from %s to %s", "確度 %s から %s まで", "신뢰도 %s에서 %s까지")                          \
    X(CONFIDENCE_ABSENT, "or without a confidence", "または確度の記載なし", "또는 신뢰도 기재 없음")                   \
    X(AGE, "age from %s to %s days", "経過日数 %s 日から %s 日まで", "경과 일수 %s일에서 %s일까지")                    \
    X(UNLIMITED, "any number of", "制限なしの", "제한 없는")                                                           \
    X(WHEN, "and this expression holds: %s", "次の式が成り立つこと：%s", "다음 식이 성립할 것: %s")                    \
    X(EVERYTHING, "everything", "すべて", "모든 것")                                                                   \
    X(EMBARGO, "not before %s days have passed", "%s 日を経過するまでは提供しない", "%s일이 지나기 전에는 제공하지 않음") \
    X(EXPIRY, "not after %s days", "%s 日を経過した後は提供しない", "%s일이 지난 뒤에는 제공하지 않음")                \
    X(REDACTED, "left out or made coarser: %s", "削除または粗くする項目：%s", "삭제하거나 개략화하는 항목: %s")        \
    X(HOPS, "passed on at most %s times in all", "提供は通算 %s 回まで", "제공은 통산 %s회까지")                       \
    X(TO, "to: %s", "提供先：%s", "제공 대상: %s")                                                                     \
    X(SIGHTINGS, "%s reports back what it sees of this.", "%s は、これに関する検知を報告する。",                       \
      "%s은(는) 이에 관한 탐지를 보고합니다.")                                                                         \
    X(SIGHTINGS_NOT, "%s reports no sightings of this.", "%s は、これに関する検知を報告しない。",                      \
      "%s은(는) 이에 관한 탐지를 보고하지 않습니다.")                                                                  \
    X(MEMBER, "The agency that saw it may be named.", "検知した機関の名を示してよい。",                                \
      "탐지한 기관의 이름을 밝힐 수 있습니다.")                                                                        \
    X(MEMBER_NOT, "The agency that saw it is not named.", "検知した機関の名は示さない。",                              \
      "탐지한 기관의 이름은 밝히지 않습니다.")                                                                         \
    X(OPINIONS, "%s may send opinions on this.", "%s は、これに関する意見を送ってよい。",                              \
      "%s은(는) 이에 관한 의견을 보낼 수 있습니다.")                                                                   \
    X(REQUESTS, "%s may send requests about this.", "%s は、これに関する照会を送ってよい。",                           \
      "%s은(는) 이에 관한 요청을 보낼 수 있습니다.")                                                                   \
    X(OBLIGATIONS, "Obligations", "義務", "의무")                                                                      \
    X(OWED_BY_ALL, "all parties", "すべての当事者", "모든 당사자")                                                     \
    X(WITHIN, "within %s days", "%s 日以内", "%s일 이내")                                                              \
    X(EVERY, "every %s days", "%s 日ごと", "%s일마다")

enum policy_phrase {
#define X(name, en, ja, ko) PHRASE_##name,
    POLICY_PHRASES(X)
#undef X
        PHRASE_COUNT
};

#endif
