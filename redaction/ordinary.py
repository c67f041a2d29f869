"""Ordinary words of four letters or more, of which errors of PostgreSQL, Kafka and HTTP clients, and ours, consist."""

from typing import Final

_TEXT: Final = """
able abort aborted about accept accepted accepting access accessible acknowledged address admin administrator after
again against allocated allowed already also answer answered answers argument array aside asked asks assign attempt
attempted attribute attributes authentication authority authorized available back bearer because been before begin
being between bits body boolean bootstrap both bound broker brokers build busy bytes call called calls cancel canceled
canceling cannot case cause caused certificate certificates chain change changes character characters check child
choose class cleanup client clients clock close closed cluster code column columns command commands committed complete
completed compose conf config configuration conflict connect connected connecting connection constraint contain
contains context contract controller correct cost could count crash created cursor customer daemon data database
databases date decode decoded default delayed delete delivery denied deny deployed describe details digit digits
directory disconnected disk disputed division does down duplicate during each earlier early either element empty
encoding encryption ending ends ensure entries entry error errors escape event events every exceeded exception
exhausted exist exists exit expect expected expired export external extra factor failed fails failure fatal fault
feature fetch field file files filled filter find finish finished first five folder following force forced foreign
form format found four free from gave general generation gets getting give given goes gone group guest half hand
handle handshake hang hangs have header headers heal healed health here hidden high hint hold holding holds host hosts
http https identified identity ignore ignored illegal import include index initial input inside install instance
instances instead integer interrupt interrupted interval invalid issuer items itself java jobs join just kafka keep
keeps keys kind known language large last later lead leader least left length less letter letters level libpq library
like limit line lines link list listed listener listens lists load local locale localhost location locations lock
locked logged login logs long longer lookup lost machine main make malformed manual many marks match maximum means
meant measure mechanism mechanisms memory message metadata method minimum mismatch missed missing mode module moment
more most move must name named names native need needs neither network never next nonce none nonnumeric normal note
nothing notice null number obtain occurred offline offset often once online only open opened opens operation operator
option options order orders other otherwise outage outbox outside over overflow owner packet page pages parameter
parent parse parser part partition parts pass passed password path paused peer pending percent perhaps permission
permitted place plain plan please plus point pool port ports position possible postgres postgresql precision prefix
prepare prepared prevent previous principal print private probably problem process produce producer progress proof
proper property protocol proved proxy public publish pure push query quite quota quoted range rate rather reachable
reached read reads ready reason received recent record records recovery redirect reference references refuse refused
refuses register reject rejected relation release reload remaining remote remove removed repeat replace replica
replication replied reply report request requests required reserved reset resolve resource resources restart restore
result retries retry return returned right role roles rolled root route rows rules running runs same sasl save saved
says scan schema scope scram search second seconds secret security select self send sending sends sent sequence serial
series serve server servers serves service session setting settings shared short should show shown shows shut shutdown
shutting side signal signed silent since single size skipped slots slow small snapshot socket some something sorry
sort source space special specified stale standby start started starting startup state statement statements static
status step stop stopped stopping storage store streams strict string strings such superuser supplied support
supported supports switch syntax system table tables takes target temporarily temporary terminated terminating
termination test tests text than that their them then there these they think this those three through thrown time
timed timeout times today together token took topic topics total transaction transactions transfer translate transport
tried tries trigger true truncated trust trusted trusts trying turn turned twice type types unable unavailable
undefined under unexpected unique unknown unless unlock unreachable unsafe unsupported unterminated until update
updated used user username users uses using uuid valid value values variable variables varying verify version very
view violates violation volume wait waited waiting waits want wants warn warning weak well were what when where which
while whole whose will window with within without word words work worker workers works would write writing written
wrong years your zero zone
"""
ORDINARY: Final = frozenset(_TEXT.split())
