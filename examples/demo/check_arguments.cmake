# cachemodel: the demo explains itself, and wrong arguments are errors that say so.
# SPDX-License-Identifier: MIT

execute_process(COMMAND "${program}" --help
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors
)
if(NOT result EQUAL 0 OR NOT output MATCHES "usage: " OR NOT errors STREQUAL "")
    message(FATAL_ERROR "--help: exit ${result}\n${output}${errors}")
endif()
set(help "${output}")

# The script says the same, and neither installs nor builds anything for that.
foreach(option IN ITEMS --help -h)
    execute_process(COMMAND "${CMAKE_CURRENT_LIST_DIR}/../../scripts/demo" --cache memory "${option}"
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors TIMEOUT 10
    )
    if(NOT result EQUAL 0 OR NOT output STREQUAL help OR NOT errors STREQUAL "")
        message(FATAL_ERROR "scripts/demo ${option}: exit ${result}\n${output}${errors}")
    endif()
endforeach()

# expect_refusal(<what the error says> <argument>...)
function(expect_refusal says)
    execute_process(COMMAND "${program}" ${ARGN}
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors
    )
    string(FIND "${errors}" "${says}" found)
    if(NOT result EQUAL 2 OR found EQUAL -1 OR NOT output STREQUAL "")
        message(FATAL_ERROR "${ARGN}: exit ${result}, not 2 with \"${says}\"\n${output}${errors}")
    endif()
endfunction()

expect_refusal("there is no argument --colour" --colour)
expect_refusal("there is no argument memcached" memcached)
expect_refusal("--cache needs a value" --cache)
expect_refusal("--cache redis: expected is" --cache redis)
expect_refusal("there is no such backend" --cache foo://bar)
expect_refusal("not a number from 1 to 65535" --cache memcached://127.0.0.1:99999)
expect_refusal("max_bites" --cache "memory://?max_bites=1")
expect_refusal("--source-latency 1: expected is" --source-latency 1)
expect_refusal("--source-latency 11s: expected is" --source-latency=11s)
