# One-liners over `cargo xtask`, which says what else there is: `cargo xtask help`.

.PHONY: demo test test-cpp test-swift test-kotlin test-python matrix sim soak bindings setup lint header web install clean

demo:        ; cargo xtask demo
test:        ; cargo xtask test
soak:        ; cargo xtask soak

test-cpp:    ; cargo xtask test cpp
test-swift:  ; cargo xtask test swift
test-kotlin: ; cargo xtask test kotlin
test-python: ; cargo xtask test python
matrix:      ; cargo xtask matrix

SEEDS ?= 0..500
sim:         ; cargo xtask sim $(SEEDS)

setup:       ; cargo xtask setup
lint:        ; cargo xtask lint
header:      ; cargo xtask header
bindings:    ; cargo xtask bindings
web:         ; cargo xtask web

PREFIX ?= /usr/local
install:     ; cargo xtask install --prefix $(PREFIX) $(if $(DESTDIR),--destdir $(DESTDIR))

clean:       ; cargo clean && rm -rf web/dist web/node_modules
