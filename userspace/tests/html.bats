#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Pages (--html), of a recording with hostile names, in Debian's headless Chromium: no
# error, no request, all of it there, and it answers to a mouse; a page that is not so
# is found. And what becomes of FILE. O names the build; default: build.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	export O=${O:-$PWD/build} ROOT=$PWD NAME=$'evil<b>"&\'</script><script>alert(1)</script>'
	case $O in /*) ;; *) O=$PWD/$O ;; esac
	export WHY='' CHROMIUM=$BATS_FILE_TMPDIR/chromium
	find_chromium 2>"$BATS_FILE_TMPDIR/log" ||
		WHY="no Chromium here: $(tail -n 1 "$BATS_FILE_TMPDIR/log")"
	"$O/tests/sample_recording" "$NAME" >"$BATS_FILE_TMPDIR/rec"
	"$O/faultline" show --html "$BATS_FILE_TMPDIR/page.html" "$BATS_FILE_TMPDIR/rec" 2>/dev/null
}

# The browser alone, with libraries that it brings; it is not installed.
find_chromium() {
	local dir
	dir=$("$ROOT/scripts/unpacked" --needs chromium-headless-shell) || return
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%q:%q exec %q "$@"\n' "$dir/usr/lib/$(gcc -print-multiarch)" \
		"$dir/usr/lib/$(gcc -print-multiarch)/pulseaudio" \
		"$dir/usr/lib/chromium/chromium-headless-shell" >"$CHROMIUM"
	chmod +x "$CHROMIUM"
	timeout 60 "$CHROMIUM" --version >&2
}

setup() {
	DIR=$BATS_TEST_TMPDIR PAGE=$BATS_FILE_TMPDIR/page.html REC=$BATS_FILE_TMPDIR/rec
	FAULTLINE=$O/faultline
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }

# browse CODE PAGE OPTION...: what the browser says of it, in $DIR/said
browse() {
	local code=$1 status=0
	shift
	[ -z "$WHY" ] || skip "$WHY"
	python3 "$ROOT/userspace/tests/browser.py" "$CHROMIUM" "$@" >"$DIR/said" || status=$?
	[ "$status" = "$code" ] || { echo "exit $status, expected $code"; cat "$DIR/said"; return 1; }
}
# says JQ: true of what the browser said
says() { jq -e "$1" "$DIR/said" >/dev/null || { echo "not so: $1"; cat "$DIR/said"; return 1; }; }

@test "a page loads without an error and asks nobody for anything" {
	browse 0 "$PAGE"
	says '.errors == [] and .requests == []'
	says '.facts.heading == "mmap_lock on db-17"'
	says '.facts | .waits == 121 and .open == 1 and .cells > 200 and .lost == 1'
	says '.facts | .graphs == 3 and .frames > 15 and .tables >= 7'
}

@test "names are text, in every place" {
	browse 0 "$PAGE"
	says '.facts | .scripts == 1 and .images == 0 and .bold == 0'
	says '.facts.details == $ENV.NAME + " (27.0s, 90.00%)"'
	[ "$(grep -c 'evil' "$PAGE")" -gt 10 ]
}

@test "it answers to a mouse" {
	browse 0 "$PAGE"
	says '.facts.tip | test("^worker-7 .tid 1201. in page_fault\nwaited 300ms to write.*\nheld by process-exporte")'
	# who waited for another holder steps back: four times four, of munmap
	says '.facts.dimmed == 16 and .facts.tip_gone'
	says '.facts.zoomed and .facts.reset'
}

@test "it is dark where the reader wants it so" {
	browse 0 "$PAGE"
	says '.facts.back == "rgb(244, 244, 241)"'
	browse 0 "$PAGE" --dark
	says '.facts.back == "rgb(20, 20, 19)"'
}

# spoilt NAME SED: a copy of the page, in which that has changed something
spoilt() {
	sed "$2" "$PAGE" >"$DIR/$1"
	fails cmp -s "$PAGE" "$DIR/$1"
}

@test "a line of the script that is spoilt is found" {
	spoilt page.html 's/^const pictures = /const pictures == /'
	browse 1 "$DIR/page.html"
	says '.errors | any(test("SyntaxError"))'
	spoilt page.html 's/^  const blame = /  const blaim = /'
	browse 1 "$DIR/page.html"
	says '.errors | any(test("blame is not defined"))'
}

@test "an image from outside is found, and refused by the page's policy" {
	spoilt page.html 's,</header>,&<img src="http://192.0.2.1/x.png">,'
	browse 1 "$DIR/page.html"
	says '.errors | any(test("Content Security Policy"))'
	spoilt page.html 's,</header>,&<img src="http://192.0.2.1/x.png">,; s/<meta http-equiv[^>]*>//'
	browse 1 "$DIR/page.html"
	says '.requests == ["http://192.0.2.1/x.png"]'
}

@test "a script or a style that is not the page's own does nothing" {
	spoilt page.html 's,</header>,&<script>document.title = "taken"</script>,'
	browse 1 "$DIR/page.html"
	says '.errors | any(test("inline script violates"))'
	says '.facts.title != "taken"'
	spoilt page.html 's,</header>,&<script>document.title = "taken"</script>,; s/<meta http-equiv[^>]*>//'
	browse 0 "$DIR/page.html"
	says '.facts.title == "taken"'
	spoilt page.html 's,<header>,<header style="color: red">,'
	browse 1 "$DIR/page.html"
	says '.errors | any(test("inline style violates"))'
}

# --- what becomes of FILE

# fl CODE ARG...: stdout in $DIR/out, stderr in $DIR/err
fl() {
	local code=$1 status=0
	shift
	"$FAULTLINE" "$@" >"$DIR/out" 2>"$DIR/err" || status=$?
	[ "$status" = "$code" ] || { echo "faultline $*: exit $status, expected $code"; cat "$DIR/err"; return 1; }
}
refused() {
	fl "$@"
	[ ! -s "$DIR/out" ] && [ "$(wc -l <"$DIR/err")" = 1 ]
}

@test "what cannot be written is one line and status 1, before anything is measured" {
	refused 1 report -d 1h --html "$DIR/none/page"
	[ "$(cat "$DIR/err")" = "faultline: cannot write $DIR/none/page: No such file or directory" ]
	refused 1 show --html "$DIR/none/page" "$REC"
	refused 1 show --html /dev/full "$REC"
	[ "$(cat "$DIR/err")" = "faultline: cannot write /dev/full: No space left on device" ]
}

@test "a page that does not get whole leaves the one before, and nothing else" {
	mkdir "$DIR/pages"
	echo before >"$DIR/pages/page"
	{ head -n 20 "$REC"; echo nonsense; tail -n 5 "$REC"; } >"$DIR/damaged"
	refused 1 show --html "$DIR/pages/page" "$DIR/damaged"
	grep -q 'damaged:21: damaged: not JSON' "$DIR/err"
	head -n 1 "$REC" >"$DIR/empty"
	refused 1 show --html "$DIR/pages/page" "$DIR/empty"
	[ "$(cat "$DIR/pages/page")" = before ]
	[ "$(ls "$DIR/pages")" = page ]
	# and a recording whose end was cut off gives a page of what is there
	head -c -100 "$REC" >"$DIR/cut"
	fl 0 show --html "$DIR/pages/page" "$DIR/cut"
	grep -q '<h1>mmap_lock on db-17</h1>' "$DIR/pages/page"
	[ "$(ls "$DIR/pages")" = page ]
}

@test "text comes with it when it is asked for, losses always" {
	fl 0 show --html "$DIR/page" "$REC"
	[ ! -s "$DIR/out" ]
	grep -q '3 WAITS LOST' "$DIR/err"
	fl 0 show --html "$DIR/page" -O json "$REC"
	jq -e '.rows | length == 2' "$DIR/out"
	fl 6 show --html "$DIR/page" --strict "$REC"
	[ -s "$DIR/page" ]
}

@test "each page has a nonce of its own" {
	fl 0 show --html "$DIR/other" "$REC"
	[ "$(grep -o 'nonce-[0-9a-f]*' "$DIR/other" | sort -u | wc -l)" = 1 ]
	[ "$(grep -ho 'nonce-[0-9a-f]*' "$DIR/other" "$PAGE" | sort -u | wc -l)" = 2 ]
}

@test "a page is for its owner's eyes, and the text with it as the umask has it" {
	umask 022
	fl 0 show --html "$DIR/page.html" -o "$DIR/text" "$REC"
	[ "$(stat -c %a "$DIR/page.html")" = 600 ]
	[ "$(stat -c %a "$DIR/text")" = 644 ]
}

@test "it is of one thing" {
	refused 2 show --waits --html "$DIR/page" "$REC"
	refused 2 incidents --html "$DIR/page"
	refused 2 incidents list --html "$DIR/page"
	refused 2 top --html "$DIR/page"
	[ ! -e "$DIR/page" ]
}
