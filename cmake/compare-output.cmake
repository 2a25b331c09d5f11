# cachemodel: runs `program`, keeps what it prints in the file `actual`, compares that with the file
# `expected`.
# SPDX-License-Identifier: MIT

execute_process(COMMAND "${program}" OUTPUT_FILE "${actual}" RESULT_VARIABLE result)
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${program} ended with: ${result}")
endif()

execute_process(
    COMMAND "${CMAKE_COMMAND}" -E compare_files "${expected}" "${actual}"
    RESULT_VARIABLE differs
)
if(differs)
    execute_process(COMMAND diff -u "${expected}" "${actual}")
    message(FATAL_ERROR "It should print ${expected} but prints ${actual}")
endif()
