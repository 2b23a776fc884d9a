module understudy.test/checker

go 1.24

require golang.org/x/mod v0.0.0
