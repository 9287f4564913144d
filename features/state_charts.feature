Feature: State charts
  A flow is a standard state chart: nested states, effects, transitions with and without events, and history. Try them
  with `retake-flow simulate`.

  Scenario: The deepest state with a transition takes an event
    Given this flow
      """
      flow: deepest
      initial: studio/talk
      events: [cut]
      states:
        studio:
          initial: music
          transitions: {cut: over}
          states:
            talk: {transitions: {cut: music}}
            music: {}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "cut"}
      {"event": "cut"}
      """
    Then it is in "studio/music" after line 1
    And it is in "over" after line 2

  Scenario: Exit effects come before transition effects, and those before entry effects
    Given this flow
      """
      flow: order
      initial: a/b
      events: [go]
      states:
        a:
          initial: b
          exit: {set: {said: "{{ vars.said }} -a"}}
          states: {b: {exit: {set: {said: "-b"}}, transitions: {go: {to: c/d, set: {said: "{{ vars.said }} go"}}}}}
        c:
          initial: d
          entry: {set: {said: "{{ vars.said }} +c"}}
          states: {d: {entry: {set: {said: "{{ vars.said }} +d"}}, always: {to: over}}}
        over: {final: completed, reason: "{{ vars.said }}"}
      """
    When this script is simulated
      """
      {"event": "go"}
      """
    Then the simulated run is completed, since "-b -a go +c +d"

  Scenario: Events raised by the flow come before events from outside, unless they are delayed
    Given this flow
      """
      flow: raised
      initial: a
      events: [go]
      states:
        a: {transitions: {go: {to: b, raise: [now, {event: later, after: 2s, data: {n: 7}}]}}}
        b: {transitions: {now: c}}
        c: {transitions: {later: {when: event.n == 7, to: over}}}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "go"}
      {"advance": "1s"}
      {"advance": "1s"}
      """
    Then it is in "c" after line 1
    And it is in "c" after line 2
    And it is in "over" after line 3

  Scenario: Leaving a state drops its delayed events
    Given this flow
      """
      flow: dropped
      initial: a
      events: [go, back]
      states:
        a: {entry: {raise: {event: late, after: 10s}}, transitions: {late: over, go: b}}
        b: {transitions: {back: a}}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"advance": "9s"}
      {"event": "go"}
      {"event": "back"}
      {"advance": "9s"}
      {"advance": "1s"}
      """
    Then it is in "a" after line 4
    And it is in "over" after line 5

  Scenario: An eventless transition is taken as soon as its guard holds
    Given this flow
      """
      flow: counted
      initial: count
      events: [one]
      states:
        count:
          set: {n: 0}
          transitions: {one: {set: {n: "{{ vars.n + 1 }}"}}}
          always: {when: vars.n == 3, to: over}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "one"}
      {"event": "one"}
      {"event": "one"}
      """
    Then it is in "count" after line 2
    And it is in "over" after line 3

  Scenario Outline: A transition exits and enters the right states
    Given this flow
      """
      flow: places
      initial: studio
      events: [inside, anew, itself, nowhere, cut]
      states:
        studio:
          initial: talk
          set: {entered: "{{ vars.entered|default(0) + 1 }}"}
          transitions:
            inside: studio/music
            anew: {to: studio/music, reenter: true}
            itself: studio
            nowhere: {set: {noted: true}}
            cut: over
          states: {talk: , music: }
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "<event>"}
      """
    Then it is in "<state>" after line 1
    And the variable entered is <times> after line 1

    Examples:
      | event   | state        | times |
      | inside  | studio/music | 1     |
      | anew    | studio/music | 2     |
      | itself  | studio/talk  | 2     |
      | nowhere | studio/talk  | 1     |

  Scenario Outline: A history state returns to the last active state
    Given this flow
      """
      flow: history
      initial: show
      events: [on, advert, resume, chapter, cut]
      states:
        show:
          initial: opening
          transitions: {advert: pause, cut: over}
          states:
            opening: {transitions: {on: talk}}
            talk: {initial: first, states: {first: {transitions: {on: second}}, second: }}
            last: {history: deep}
            chapter: {history: shallow}
        pause: {transitions: {resume: show/last, chapter: show/chapter}}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "on"}
      {"event": "on"}
      {"event": "advert"}
      {"event": "<event>"}
      """
    Then it is in "pause" after line 3
    And it is in "<state>" after line 4

    Examples:
      | event   | state            |
      | resume  | show/talk/second |
      | chapter | show/talk/first  |

  Scenario: A guard can test the active state
    Given this flow
      """
      flow: where
      initial: studio
      events: [on, cut]
      states:
        studio:
          initial: talk
          transitions: {cut: [{when: "in('studio/music')", to: over}, {to: studio/talk}]}
          states: {talk: {transitions: {on: music}}, music: }
        over: {final: completed}
      """
    When this script is simulated
      """
      {"event": "cut"}
      {"event": "on"}
      {"event": "cut"}
      """
    Then it is in "studio/talk" after line 1
    And it is in "over" after line 3

  Scenario: A cycle of eventless transitions ends the run with its states named
    Given this flow
      """
      flow: circle
      initial: a
      states:
        a: {always: {when: "visits.a > 0", to: b}}
        b: {always: [{when: "visits.b > 0", to: a}, {to: over}]}
        over: {final: completed}
      """
    When this script is simulated
      """
      {"advance": "0s"}
      """
    Then the simulated run is failed, since "more than 100 transitions followed from one event: a → b"

  Scenario: A state that was left is not active for later effects
    Given this flow
      """
      flow: left
      initial: a/b
      events: [go]
      states:
        a:
          initial: b
          exit: {set: {a: "{{ in('a') }} {{ in('a/b') }}"}}
          states:
            b:
              exit: {set: {b: "{{ in('a/b') }}"}}
              transitions: {go: {to: c, set: {way: "{{ in('a') }} {{ in('a/b') }}"}}}
        c: {always: {to: over, set: {c: "{{ in('c') }}"}}}
        over: {final: completed, reason: "b {{ vars.b }}, a {{ vars.a }}, way {{ vars.way }}, c {{ vars.c }}"}
      """
    When this script is simulated
      """
      {"event": "go"}
      """
    Then the simulated run is completed, since "b True, a True False, way False False, c False"

  Scenario: A transition without a target sees every active state, whichever declares it
    Given this flow
      """
      flow: stays
      initial: a/b
      events: [go]
      states:
        a:
          initial: b
          transitions:
            go:
              - {when: "'seen' not in vars", set: {seen: "{{ in('a') }} {{ in('a/b') }}"}, effects: [{if: "in('a/b')", set: {inside: 1}}]}
              - {to: over}
          states:
            b: {wait: 1h, transitions: {done: over}}
        over: {final: completed, reason: "{{ vars.seen|default('') }} {{ vars.inside|default(0) }}"}
      """
    When this script is simulated
      """
      {"event": "go"}
      {"event": "go"}
      """
    Then the simulated run is completed, since "True True 1"
