Feature: Plan
  A plan shows what a flow would do before it runs: calls, programs, questions and times. It needs no network, programs or
  credentials, and leaves no trace.

  Scenario: Going live, if all goes well
    When "plan go-live.yaml --set max_duration=2h" is called
    Then it exits with 0 and says "go-live, if all goes well:"
    And it says in this order
      """
      GET /skill.json → unchanged
      credentials.load → found
      GET /agent/verification-status → verified: true
      starts Xvfb (display)
      POST /agent/rtmp
      POST /agent/stream/start
      starts ffmpeg (encoder)
      GET /agent/stream/status, every 3s until result.is_live for 30s at most → is_live: true
      scrot, ffmpeg, POST /agent/update-thumbnail
      POST /agent/stream/chat/send
      I'm live. What should we explore today?
      tells the operator
      every 3s, 8s when idle: GET /agent/stream/comments (chat)
      every 3m: scrot, ffmpeg, POST /agent/update-thumbnail (thumbnail)
      every 30s: GET /agent/stream/status (health) → is_live: true
      every 20s, 5m when idle: ffmpeg, studio.picture (picture)
      timeout after 2h
      ends ffmpeg
      ends xterm, openbox, pulseaudio, Xvfb
      POST /agent/stream/stop  (undoes broadcast/session)
      It ends completed after 2h.
      Questions  broadcast/pushing/on_air/asking:builder
      """

  Scenario: An unverified agent
    When "plan go-live.yaml --assume verified=false" is called
    Then it exits with 0 and says "except verified=false (verification):"
    And it says in this order
      """
      GET /agent/verification-status → verified: false
      POST /agent/prepare-verify
      asks a person
      Please post this exact message in a tweet
      ◦ posted
      tweet_url: post
      ◦ decline
      reminds after 6h, waits for 7d
      → posted tweet_url: https://x.com/
      POST /agent/verify → verified: true
      ends: verified
      starts Xvfb (display)
      It ends completed
      Questions  prove_human/post
      """

  Scenario: A person who declines
    When "plan go-live.yaml --assume verified=false --assume post=decline" is called
    Then it exits with 0 and says "It ends failed: nobody vouches for the agent."
    And it says "Programs   none"

  Scenario: A poll that never succeeds runs into its timeout
    When "plan verify.yaml --assume confirm.verified=false --assume post.tweet_url=https://x.com/ann/status/186" is called
    Then it exits with 0 and says "It is in post"
    And it says in this order
      """
      → posted tweet_url: https://x.com/ann/status/186
      every 5s until result.verified for 1m at most → verified: false
      … 11 times more until 55s
      timeout after 1m
      retake.tv accepted the post, but does not count the agent as verified yet.
      times more
      it loops without end
      """

  Scenario: Assumptions that match nothing are refused
    When "plan go-live.yaml --assume credentials=mising" is called
    Then it exits with 2 and says "'credentials' cannot end with 'mising'"
    And it says "did you mean 'missing'?"

  Scenario: Assumptions without effect are refused
    When "plan go-live.yaml --assume recovering=stop" is called
    Then it exits with 2 and says "assuming 'recovering=stop' makes no difference"

  Scenario: The path to each end and each question
    When "plan verify.yaml --all-paths" is called
    Then it exits with 0 and says "prepare —done→ post —decline→ declined"
    And it says "$ retake-flow plan verify.yaml --assume post=decline"

  Scenario: A flow with mistakes has no plan
    Given the file broken.yaml holds
      """
      flow: broken
      initial: a
      states:
        a: {do: retake.verification_status, transitions: {done: nowhere}}
      """
    When "plan broken.yaml" is called
    Then it exits with 3 and says "RF020"
