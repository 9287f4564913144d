@real
Feature: Rehearsal on your own machine
  Real programs, real video over RTMP, and a retake.tv on this machine that nobody else sees.

  Scenario: An agent goes live in a rehearsal
    Given a home that holds nothing
    When an agent rehearses for 5s
    Then it exits with 0
    And its last line says that the run is completed
    And the recording holds 4 s or more of h264 1280x720 yuv420p at 30 frames/s with aac
    And a thumbnail and a recording can be looked at
    And the rehearsal saw no rule broken
    And nothing it started is left

  Scenario: A killed encoder comes back, and Ctrl-C ends everything
    Given a home that holds nothing
    When an agent rehearses for 10m
    And its encoder is killed on air
    And Ctrl-C is pressed when it is on air again
    Then it exits with 130
    And its last line says that the run is completed
    And the rehearsal saw 2 keys or more, none of them twice
    And the rehearsal saw no rule broken
    And nothing it started is left

  Scenario: Hours of a busy stream with faults, in half a minute
    Given a home that holds nothing
    When an agent rehearses 0.01 hours of a lively stream
    Then it exits with 0
    And its last line says that the run is completed
    And the run has handled each entry of the chat exactly once
    And it came back on air after the key was rotated and after its push was closed
    And its report says how soon the chat was read, and how much the runner took
    And the rehearsal saw no rule broken
    And nothing it started is left
